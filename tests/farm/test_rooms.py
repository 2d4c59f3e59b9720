"""Folders and files stay small enough to be read, and the map of docs/architecture.md is true."""

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("farm", "scheduler", "workers", "dashboard")
MOST_MODULES, MOST_LINES = 20, 350
#: One endpoint a file; the nouns that all parts share.
LARGE_FOLDERS = {"dashboard/api", "farm"}
#: What others import from the folder itself stands in these; all other folders only say what is in them.
GATHERING = {"farm/accounts", "farm/catalog", "farm/client", "farm/client/replies", "farm/params", "farm/tables"} | {
    "dashboard/schemas"
}
#: It imports the client where a type checker reads it; and libraries are told to be quiet before they are imported.
OUTERMOST = {"farm", "workers"}
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## What lives where")[2]
FOLDERS = [str(file.parent.relative_to(ROOT)) for name in PACKAGES for file in (ROOT / name).rglob("__init__.py")]


def modules(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*.py") if file.name != "__init__.py"]


def rows(package: str) -> list[list[str]]:
    """The rows of the table of a package's rooms: rooms, question, where to begin."""
    table = MAP.partition(f"| `{package}/` | the question it answers |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| `")]


def test_every_folder_of_modules_is_a_package() -> None:
    holding = {str(file.parent.relative_to(ROOT)) for name in PACKAGES for file in (ROOT / name).rglob("*.py")}
    assert holding - set(FOLDERS) == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_has_more_modules_than_can_be_looked_over(folder: str) -> None:
    assert len(modules(ROOT / folder)) <= MOST_MODULES or folder in LARGE_FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_says_what_is_in_it_and_imports_nothing(folder: str) -> None:
    tree = ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))
    first, _, _ = (ast.get_docstring(tree) or "").partition("\n\n")
    assert first.endswith((".", ":", "?")), first
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not imports or folder in GATHERING | OUTERMOST


def test_no_file_is_too_long_and_most_are_read_in_a_few_minutes() -> None:
    lines = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for name in PACKAGES
        for file in (ROOT / name).rglob("*.py")
        if file.name != "__init__.py"
    }
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    assert 60 <= statistics.median(lines.values()) <= 150


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_stands_on_the_map(package: str) -> None:
    rooms = {folder.split("/")[1] for folder in FOLDERS if folder.startswith(f"{package}/")}
    assert rooms - set(re.findall(r"(\w+)/`", MAP)) == set()


@pytest.mark.parametrize("package", ["scheduler", "workers"])
def test_where_the_map_says_to_begin_is_a_module_of_that_room(package: str) -> None:
    assert len(rows(package)) > 10
    for rooms, _, begin in rows(package):
        places = [ROOT / package / name for name in re.findall(r"`(\w+)/?`", rooms)]
        for place in places:
            assert place.is_dir() or place.with_suffix(".py").is_file(), place
        for name in re.findall(r"`(\w+)`", begin):
            assert any((place / f"{name}.py").is_file() for place in places), f"{rooms}: {name}"
