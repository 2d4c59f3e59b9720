"""`farm score` asks, waits and lists; what is wrong is said in words."""

import json

from tests.dashboard.finished import finish_everything
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm"]  # fixtures


def test_without_scorers_it_lists_those_that_there_are(farm: Farm) -> None:
    told = farm("score")
    assert told.exit_code == 0
    names = {line.split("\t")[0] for line in told.stdout.splitlines()[1:]}
    assert {"sharpness", "prompt", "flicker", "smoothness", "clip", "aesthetic"} <= names
    assert {one["name"] for one in json.loads(farm("score", "--json").stdout)} == names


def test_what_it_cannot_do_is_said_in_words(farm: Farm) -> None:
    vague = farm("score", "--with", "sharpness")
    assert (vague.exit_code, "name a job" in vague.stderr) == (2, True)
    unknown = farm("score", "--all", "--with", "sharpnes")
    assert (unknown.exit_code, "did you mean 'sharpness'" in unknown.stderr) == (2, True)
    for names in (",,", "", " "):
        none = farm("score", "last", "--with", names)
        assert (none.exit_code, none.stdout, "names no scorer" in none.stderr) == (2, "", True)


def test_what_filters_find_is_scored(farm: Farm, dashboard: DashboardFarm) -> None:
    farm("submit", "sana-demo", "a red circle", "--seeds", "3")
    finish_everything(dashboard.connections)
    farm("gallery", "mark", "last/0", "last/1", "--rating", "4", "--favourite")
    farm("boards", "add", "Covers")
    farm("boards", "put", "Covers", "last/1")
    for filters, count in (
        (["--rating", "4", "--since", "2026-01-01"], 2),
        (["--favourite", "--board", "Covers"], 1),
        (["--model", "sana-demo", "--text", "circ"], 3),
        (["--before", "2026-01-01"], 0),
    ):
        told = farm("score", *filters, "--with", "sharpness", "--no-wait", "--json")
        assert (told.exit_code, f"of {count} renders to come" in told.stderr) == (0, True), told.stderr


def test_a_job_without_finished_renders_has_no_scores(farm: Farm) -> None:
    job = farm("submit", "sana-demo", "a red circle").stdout.splitlines()[0]
    told = farm("score", job, "--with", "sharpness", "--no-wait", "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"items": [], "failed": []})
    assert "0 scores of 0 renders to come" in told.stderr
