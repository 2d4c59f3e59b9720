"""`farm gallery` and `farm boards`: what is done is found, marked, put on boards, deleted and brought back."""

import json
from pathlib import Path

import pytest

from tests.dashboard.finished import finish_everything
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm"]  # fixtures


@pytest.fixture
def done(farm: Farm, dashboard: DashboardFarm) -> str:
    """A job with three finished renders."""
    job: str = farm("submit", "sana-demo", "a red circle", "--seeds", "3").stdout.splitlines()[0]
    finish_everything(dashboard.connections)
    return job


def _listed(farm: Farm, *options: str) -> list[str]:
    told = farm("gallery", "list", "--json", *options)
    assert told.exit_code == 0, told.stderr
    return [one["id"] for one in json.loads(told.stdout)]


def test_renders_are_rated_tagged_and_found_by_it(farm: Farm, done: str) -> None:
    whole = _listed(farm, "--job", done)
    assert len(whole) == 3
    marked = farm("gallery", "mark", "last/0", "last/2", "--rating", "5", "--favourite", "--tag", "Finals")
    assert (marked.exit_code, "2 renders are marked" in marked.stderr) == (0, True)

    assert len(_listed(farm, "--rating", "5", "--tag", "finals", "--favourite", "--text", "circ")) == 2
    assert json.loads(farm("gallery", "tags", "--json").stdout) == [{"tag": "finals", "renders": 2}]
    listed = farm("gallery", "list", "--tag", "finals").stdout.splitlines()
    assert [line.split("\t")[2:4] for line in listed[1:]] == [["★5", "finals"]] * 2

    assert farm("gallery", "mark", "last/0", "--untag", "finals", "--rating", "0", "--no-favourite").exit_code == 0
    assert len(_listed(farm, "--tag", "finals")) == 1
    nothing = farm("gallery", "mark", "last/0")
    assert (nothing.exit_code, "say what" in nothing.stderr) == (2, True)


def test_boards_are_named_by_their_names(farm: Farm, done: str) -> None:
    assert farm("boards", "add", "Cover ideas").exit_code == 0
    put = farm("boards", "put", "Cover ideas", "last/1", "last/2")
    assert (put.exit_code, "has 2 renders" in put.stderr) == (0, True)
    assert len(_listed(farm, "--board", "Cover ideas")) == 2
    assert "has 1 render" in farm("boards", "take", "Cover ideas", "last/1").stderr
    assert farm("boards", "rename", "Cover ideas", "Covers").exit_code == 0
    assert [one["name"] for one in json.loads(farm("boards", "list", "--json").stdout)] == ["Covers"]
    typo = farm("gallery", "list", "--board", "Cover")
    assert (typo.exit_code, "did you mean 'Covers'" in typo.stderr) == (2, True)
    assert farm("boards", "remove", "Covers").exit_code == 0
    assert len(_listed(farm, "--job", done)) == 3, "its renders stay"


def test_what_filters_find_is_downloaded_under_prompts_and_seeds(
    farm: Farm, dashboard: DashboardFarm, tmp_path: Path
) -> None:
    farm("submit", "sana-demo", "a red circle", "--seed", "1", "--seed", "2", "--seed", "3")
    dashboard.work()
    farm("gallery", "mark", "last/0", "last/2", "--tag", "finals")
    told = farm("gallery", "download", "--tag", "finals", "--to", str(tmp_path / "finals"), "--name", "{prompt}/{seed}")
    assert told.exit_code == 0, told.stderr
    folder = tmp_path / "finals" / "a_red_circle"
    assert told.stdout.split() == [str(folder / "3.png"), str(folder / "1.png")]
    again = farm("gallery", "download", "--to", str(tmp_path / "all"), "--limit", "2", "--json")
    names = [Path(name).name for name in json.loads(again.stdout)["files"]]
    assert [name[:15] for name in names] == ["a_red_circle-3-", "a_red_circle-2-"]


def test_what_is_deleted_is_brought_back(farm: Farm, done: str) -> None:
    deleted = json.loads(farm("gallery", "delete", "last/0", "--json").stdout)
    assert len(_listed(farm, "--job", done)) == 2
    assert _listed(farm, "--job", done, "--deleted") == [deleted[0]["render_id"]]
    assert farm("gallery", "restore", "last/0").exit_code == 0
    assert len(_listed(farm, "--job", done)) == 3


def test_a_name_that_nobody_knows_is_refused_with_what_there_is(farm: Farm) -> None:
    for verb in (["gallery", "list", "--model", "sana-dem"], ["jobs", "--model", "sana-dem"]):
        told = farm(*verb)
        assert (told.exit_code, "did you mean 'sana-demo'" in told.stderr) == (2, True)
