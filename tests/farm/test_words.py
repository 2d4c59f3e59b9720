"""What the farm says when something is wrong is written for people: no tracebacks, no words of libraries."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

import farm.cli
from farm.client import FarmClient
from farm.errors import CatalogError, InvalidRequest, SettingsError, in_words
from farm.file_errors import file_error
from farm.manifest import read_manifest
from farm.settings import load_settings
from tests.farm.dashboards import DashboardFarm

ROOT = Path(__file__).parents[2]


@pytest.fixture
def job(dashboard: DashboardFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("FARM_URL", dashboard.url)
    monkeypatch.setenv("FARM_KEY", dashboard.key)
    monkeypatch.chdir(tmp_path)
    with FarmClient() as client:
        yield client.submit("sana-demo", "a red circle", seed=1).id


@pytest.mark.parametrize(
    "arguments",
    [
        ["download", "JOB", "--to", "file/in/the/way"],
        ["download", "JOB", "--to", "file"],
        ["download", "JOB", "--to", "x" * 300],
        ["submit", "--model", "sana-demo", "--file", "file/rows.csv"],
        ["submit", "sana-demo", "{a}", "--rows", "folder"],
        ["submit", "sana-demo", "{a}", "--rows", "nowhere.csv"],
        ["simulate", "--trace", "folder"],
        ["simulate", "--trace", "nowhere.csv"],
        ["config", "check", "--config", "file/x.yaml"],
        ["rerender", "file"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_no_file_error_of_a_command_is_a_traceback(
    job: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr("sys.argv", ["farm", *(job if part == "JOB" else part for part in arguments)])

    with pytest.raises(SystemExit) as ended:  # anything else would be a traceback
        farm.cli.main()

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "Errno" not in told
    assert any(name in told for name in ("file", "folder", "nowhere.csv", "xxx"))


def test_a_file_error_says_which_file_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for attempt in (tmp_path / "file" / "x", tmp_path / "nowhere" / "x"):
        with pytest.raises(OSError, match="Errno") as raised:
            attempt.open("w")
        assert re.fullmatch(rf"{re.escape(str(attempt))}: .*; (choose|look).*\.", file_error(raised.value))
    assert file_error(OSError(28, os.strerror(28))) == "The disk is full; free some space, or choose another place."


@given(st.sampled_from(["Value error, ", "Assertion failed, ", ""]), st.text())
def test_the_kinds_of_a_librarys_errors_are_left_out(kind: str, message: str) -> None:
    assert not in_words(kind + message).startswith(("Value error", "Assertion failed")) or message.startswith(
        ("Value error", "Assertion failed")
    )


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Annotated[str, Field(min_length=1)], "", "must have at least 1 character"),
        (Annotated[list[int], Field(min_length=1)], [], "must have at least 1 item"),
        (Annotated[dict[str, int], Field(max_length=1)], {"a": 1, "b": 2}, "must have at most 1 item"),
        (Annotated[str, Field(pattern="^a+$")], "b", "must match the pattern '^a+$'"),
    ],
)
def test_a_length_and_a_form_are_said_as_rules(kind: Any, value: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    assert in_words(refused.value.errors()[0]["msg"]) == said


def test_every_message_of_pydantic_that_is_shown_goes_through_one_place() -> None:
    shown = re.compile(r"\[['\"]msg['\"]\]")
    for package in ("farm", "scheduler", "dashboard", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            for line in path.read_text().splitlines():
                assert not shown.search(line) or "in_words(" in line, f"{path}: {line}"


def test_settings_and_manifests_are_refused_without_the_librarys_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(variables={"FARM_CLASS_SHARES": "urgent=1", "FARM_LEASE_SECONDS": "1", "FARM_REDIS_URL": "x"})
    assert "Value error" not in str(refused.value)
    (tmp_path / "manifest.json").write_text('{"schema_version": 2}')
    with pytest.raises(InvalidRequest, match="is no manifest") as no_manifest:
        read_manifest(tmp_path / "manifest.json")
    assert "Value error" not in str(no_manifest.value)
    assert issubclass(CatalogError, Exception)
