"""What the code has is named where people look for it, and no page denies what is there.

Settings, keys of the catalog, models and errors are held by `test_house_rules.py`, the Python client by
`test_client_docs.py`.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from farm.cli import LazyCommand, build_app
from farm.settings import Settings
from farm.settings_sources import PREFIX
from scheduler.maintenance.supervisor import new_duties

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FAMILIES = set(PROJECT["entry-points"]["latent_farm.families"])
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
NOT_THERE = "What is not there yet"

#: Phrases of the changelog that say what is there, and the words (as they begin) that would deny it.
SAID_TO_BE_THERE = {
    "set them aside": ["park", "preempt"],
    "long renders are saved": ["checkpoint", "resum"],
    "running ones show previews": ["preview"],
    "sana controlnet": ["controlnet"],
    "sana-sprint from a picture": ["image-to-image", "image to image", "img2img"],
    "wan image to video": ["image-to-video", "image to video"],
    "loras of the catalog and uploaded ones": ["lora", "adapter"],
    "one model over several gpus": ["shard", "multi-gpu", "several gpus"],
    "weights in int8, fp8 and nf4": ["quanti", "int8", "fp8", "nf4"],
    "step caches": ["step cache"],
    "drafts": ["draft"],
    "as plugins": ["plugin"],
    "contact sheet": ["contact sheet"],
    "pools scale themselves": ["autoscal", "scaling", "keda"],
    "depend, expire, quotas and budgets": ["dependenc", "deadline", "quota", "budget"],
    "reason for whatever waits": ["estimate", "forecast"],
    "`farm simulate`": ["simulat"],
    "pgbouncer": ["pooler", "pgbouncer"],
    "sessions end on the server": ["session"],
}
DENIES = re.compile(
    r"\bnot (there )?yet\b|\bnot (supported|implemented|offered|available)\b|\bunsupported\b", re.IGNORECASE
)


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {heading!r}"
    return found[1]


def rows(text: str) -> dict[str, str]:
    """Of tables whose first cell names something of the code: that cell, and the one beside it."""
    return {first: second.strip() for first, second in re.findall(r"^\| (`[^|]+) \|([^|]*)\|", text, re.MULTILINE)}


def named(cells: Iterable[str]) -> list[str]:
    """What stands in backticks."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def commands(command: Any, path: str = "farm") -> Iterator[str]:
    """`farm jobs`, `farm users list`, …: every command that the command line has, found by walking through it."""
    command = command.load() if isinstance(command, LazyCommand) else command
    groups = getattr(command, "commands", {})
    if not groups or (path != "farm" and command.invoke_without_command):
        yield path
    for name, below in groups.items():
        yield from commands(below, f"{path} {name}")


def test_every_command_has_its_line() -> None:
    listed = named(rows((DOCS / "commands.md").read_text()))
    assert sorted(listed) == sorted(commands(typer.main.get_command(build_app())))


def test_every_duty_of_the_supervisor_has_its_line_with_its_interval() -> None:
    listed = rows(section((DOCS / "healing.md").read_text(), "Every duty"))
    seconds = {duty.name: duty.interval for duty in new_duties()}
    assert listed == {f"`{name}`": f"{every:g} s" if every else "" for name, every in seconds.items()}


def test_every_family_is_described_and_named_in_the_readme() -> None:
    assert set(named(rows(section((DOCS / "models.md").read_text(), "Families")))) == FAMILIES
    assert set(named([section(README, "What it does")])) >= FAMILIES


def test_every_extra_is_in_the_readme() -> None:
    assert named(rows(section(README, "What to install"))) == list(PROJECT["optional-dependencies"])


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    links = {page: re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text()) for page in PAGES}
    lost = [f"{page.name}: {link}" for page in PAGES for link in links[page] if not (page.parent / link).exists()]
    assert lost == []
    assert {page.name for page in DOCS.glob("*.md")} == {*links[DOCS / "README.md"], "README.md"} - {"adr/"}


def test_the_threat_model_names_modules_and_tests_that_are_there() -> None:
    text = (DOCS / "threat-model.md").read_text()
    named_files = re.findall(r"`((?:tests|farm|dashboard|scheduler|workers|deploy|locks)/[^`]*)`", text)
    assert len(named_files) > 30
    assert [name for name in named_files if not (ROOT / name).exists()] == []


def test_the_forges_and_the_pages_call_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    forges = [*(ROOT / ".github/workflows").glob("*.yml"), ROOT / ".gitlab-ci.yml"]
    assert all(yaml.safe_load(file.read_text()) for file in forges)
    called = {target for file in forges for target in re.findall(r"(?:run|script): make ([a-z-]+)", file.read_text())}
    assert called == {"lint", "test", "test-long", "coverage", "docs", "audit"}
    for page in PAGES:
        called |= set(re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert called <= targets


def test_the_forges_long_tests_have_the_history_that_the_upgrade_is_tried_from() -> None:
    github = yaml.safe_load((ROOT / ".github/workflows/long.yml").read_text())["jobs"]["test-long"]["steps"]
    gitlab = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())["test-long"]
    assert [step.get("with") for step in github if "checkout" in step.get("uses", "")] == [{"fetch-depth": 0}]
    assert gitlab["variables"] == {"GIT_DEPTH": 0}


def test_no_page_denies_what_the_changelog_says_is_there() -> None:
    changelog = " ".join((ROOT / "CHANGELOG.md").read_text().lower().split())
    assert [phrase for phrase in SAID_TO_BE_THERE if phrase not in changelog] == []
    words = re.compile(
        r"\b(?:" + "|".join(word for found in SAID_TO_BE_THERE.values() for word in found) + ")", re.IGNORECASE
    )
    denied = [f"README.md: {found}" for found in words.findall(section(README, NOT_THERE))]
    for page in PAGES:
        sentences = re.split(r"(?<=[.:;|])\s", " ".join(page.read_text().split()))
        denied += [f"{page.name}: {text}" for text in sentences if DENIES.search(text) and words.search(text)]
    assert denied == []


def test_what_is_not_there_yet_names_nothing_that_the_code_has() -> None:
    settings = [PREFIX + name.upper() for name in Settings.model_fields]
    there = {*FAMILIES, *PROJECT["optional-dependencies"], *commands(typer.main.get_command(build_app())), *settings}
    assert not there & set(named([section(README, NOT_THERE)]))
