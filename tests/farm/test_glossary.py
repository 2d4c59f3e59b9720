"""The glossary explains every noun: of tables, of the API, of the log and of the pages."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dashboard.api.document import openapi_document
from farm.tables import Base

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PACKAGES = ("farm", "scheduler", "workers", "dashboard")
#: Private words of earlier versions, for which the field has its own: no function, class or variable has them.
RETIRED = frozenset(
    word
    for line in (
        "aside bell bells books company companions crew doorbell dues flying forgetting holding holdings likeness",
        "mending mishaps mourn obey outlook patience preferring pulse receipt recipe retaining roster shelf solitude",
        "spells sulk suspects sweeping tells telling undecided wakes",
    )
    for word in line.split()
)
#: What stays for those who use it, under the names of versions before 0.4: an API field, and what programs import.
KEPT = {
    ("dashboard/schemas/fleet.py", "holding"),
    ("farm/client/replies/fleet.py", "holding"),
    ("workers/denoising/samplers.py", "Recipe"),
}
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def explained() -> set[str]:
    """What stands in backticks in the first cell of a row."""
    cells = re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def properties(schema: Any) -> Iterator[str]:
    """The names of all properties, however deep."""
    if isinstance(schema, dict):
        named = schema.get("properties")
        yield from named if isinstance(named, dict) else ()
        for value in schema.values():
            yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


def log_keys(path: Path) -> Iterator[str]:
    """The keywords of the calls `log.info(…, key=value)` in a file."""
    text = path.read_text(encoding="utf-8")
    if "log." not in text:  # most files; to parse one takes long
        return
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and ast.unparse(node.func.value) in ("log", "self._log")
        ):
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def own_names(path: Path) -> Iterator[str]:
    """What a file calls its own: functions, classes, parameters, variables, attributes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def page_titles() -> Iterator[str]:
    """Titles and entries of the menu, without what is filled in."""
    folder = ROOT / "dashboard" / "web" / "templates"
    for page in folder.glob("*.html"):
        text = re.sub(r"{{ _\('(.*?)'\) }}|{% (?:trans|endtrans).*?%}", r"\1", page.read_text(encoding="utf-8"))
        titles = re.findall(r"{% block title %}(.*?){% endblock %}", text)
        menu = re.findall(r'<a href="/[^>]*>([^<{]+)</a>', text) if page.name == "layout.html" else []
        for title in [*titles, *menu]:
            if said := re.sub(r"{{.*?}}", "", title).strip(" :"):
                yield said


def test_every_table_and_column_is_explained() -> None:
    tables = Base.metadata.sorted_tables
    nouns = {table.name for table in tables} | {column.name for table in tables for column in table.columns}
    assert sorted(nouns - explained()) == []


def test_every_field_of_the_api_is_explained() -> None:
    assert sorted(set(properties(json.loads(openapi_document()))) - explained()) == []


def test_every_key_of_the_log_is_explained() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert sorted({key for path in paths for key in log_keys(path)} - explained()) == []


def test_every_page_is_explained() -> None:
    pages = {name for row in re.findall(r"^\| ([^|]+) \| .*$", GLOSSARY, re.MULTILINE) for name in row.split(", ")}
    assert sorted({title for title in page_titles() if title not in pages | {"Contact sheet"}}) == []
    assert "Contact sheet" in GLOSSARY


def test_no_private_word_of_earlier_versions_comes_back() -> None:
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            place = str(path.relative_to(ROOT))
            for name in own_names(path):
                words = {word.lower() for word in re.split(r"_+|(?<=[a-z0-9])(?=[A-Z])", name)}
                if words & RETIRED and (place, name) not in KEPT:
                    found.add((place, name))
    assert sorted(found) == []
