"""What the shell offers while somebody types; and that it is silent where nobody answers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.console import completion
from tests.farm.scripted_farm import KEY, Said, ScriptedFarm, a_job, a_render, scripted_farm

JOB = "0198bbbb-1111-7000-8000-0000000000bb"
SILENT = {"FARM_URL": "http://127.0.0.1:9", "FARM_KEY": KEY}


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedFarm]:
    with scripted_farm() as farm:
        farm.on("GET /api/v1/jobs", Said({"items": [a_job(JOB, title="red\x1b[2J")], "next_cursor": None}))
        renders = [a_render("", b"", index=index, render_id=f"r{index}") for index in range(2)]
        farm.on(f"GET /api/v1/jobs/{JOB}/renders", Said({"items": renders, "next_cursor": None}))
        model = {"name": "sana-demo", "family": "sana"}
        farm.on("GET /api/v1/models", Said({"items": [model]}))
        farm.on("GET /api/v1/pools", Said({"items": [{"name": "sana-demo-local", "model": "sana-demo"}]}))
        monkeypatch.setenv("FARM_URL", farm.url)
        monkeypatch.setenv("FARM_KEY", KEY)
        yield farm


def typed(words: str, environment: dict[str, str]) -> tuple[str, str]:
    """What bash would offer for the last of these words, and what is on stderr."""
    told = subprocess.run(
        [Path(sys.executable).with_name("farm")],
        env={
            **os.environ,
            **environment,
            "_FARM_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return told.stdout.strip(), told.stderr


def test_ids_models_and_pools_are_offered_with_what_they_are(farm: ScriptedFarm) -> None:
    assert completion.complete_job("") == [("last", "the newest job"), (JOB, "sana-demo, open: red [2J")]
    assert completion.complete_job("0198") == [(JOB, "sana-demo, open: red [2J")]
    assert completion.complete_render("")[1] == ("last/1", "done: a red circle")
    assert [word for word, _ in completion.complete_any(f"{JOB}/")] == [f"{JOB}/0", f"{JOB}/1"]
    assert completion.complete_model("sa") == [("sana-demo", "sana")]
    assert completion.complete_pool("") == [("sana-demo-local", "sana-demo")]
    assert completion.complete_pool("x") == []
    assert ("sana-demo", "sana") in completion.complete_own_model("sana")
    assert ("sana-demo-local", "sana-demo") in completion.complete_own_pool("sana")


def test_a_shell_gets_them(farm: ScriptedFarm) -> None:
    assert typed("farm job 01", dict(os.environ)) == (JOB, "")


def test_where_no_farm_answers_nothing_is_offered_and_nothing_is_said() -> None:
    assert typed("farm job 01", SILENT) == ("", "")


def test_a_wrong_setting_is_no_reason_to_speak() -> None:
    assert typed("farm job 01", {"FARM_LEASE_SECONDS": "soon", "FARM_URL": "", "FARM_KEY": ""}) == ("", "")
