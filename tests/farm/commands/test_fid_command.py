"""`farm fid` prints its figures whatever becomes of them, and keeps them of the job that was named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select

from farm.client import FarmClient
from farm.database import read
from farm.tables import Artifact, Render
from scheduler.gallery import set_distances
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm
from tests.workers.scoring.test_set_distance import TinyInception, write_pictures
from workers.scoring import set_distance

__all__ = ["environment", "farm"]  # fixtures
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """A reference set of its own name, and what looks at the pictures."""
    write_pictures(tmp_path / "photographs", 4, 1)
    features = tmp_path / "inception.pt"
    torch.jit.script(TinyInception().eval()).save(str(features))
    return ["fid", "last", "--reference", str(tmp_path / "photographs"), "--features", str(features), "--keep"]


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Something happens on the farm while the figures are computed."""
    compute = set_distance.distance_of

    def computed(*given: Any) -> Any:
        happens()
        return compute(*given)

    monkeypatch.setattr(set_distance, "distance_of", computed)


def test_figures_are_kept_of_the_job_that_was_the_last_when_it_was_asked(
    farm: Farm, dashboard: DashboardFarm, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FarmClient(dashboard.url, dashboard.key) as client:
        job = client.submit("sana-demo", "a red circle", seeds=[1, 2, 3])
        dashboard.work()
        meanwhile(monkeypatch, lambda: client.submit("sana-demo", "a blue square"))
        told = farm(*asked, "--json")
        assert told.exit_code == 0, told.output
        [kept] = client.set_distances(job.id)
    assert (kept.reference, kept.pictures) == ("photographs", 3)
    assert kept.fid == json.loads(told.stdout)["fid"]


def test_figures_are_of_what_a_filter_of_the_gallery_finds_and_kept_of_it(
    farm: Farm, dashboard: DashboardFarm, asked: list[str]
) -> None:
    with FarmClient(dashboard.url, dashboard.key) as client:
        client.submit("sana-demo", "a red circle", seeds=[1, 2, 3, 4])
        dashboard.work()
        client.mark([render.id for render in client.gallery(limit=3)], add_tags=["finals"])
        board = client.add_board("Covers")
        client.change_board(board.id, add=[render.id for render in client.gallery(tag="finals")])
        filters = ["--tag", "Finals", "--board", "Covers", "--text", "circ"]
        told = farm("fid", *asked[2:], *filters, "--json")
        assert told.exit_code == 0, told.output
        [kept] = client.gallery_set_distances(board=board.id, text="circ", tag="finals")
        assert (kept.reference, kept.pictures, kept.fid) == ("photographs", 3, json.loads(told.stdout)["fid"])
        assert client.gallery_set_distances() == []
        # The newest of them, and all that there are
        assert json.loads(farm("fid", *asked[2:-1], "--all", "--limit", "2", "--json").stdout)["pictures"] == 2
        assert json.loads(farm("fid", *asked[2:-1], "--all", "--json").stdout)["pictures"] == 4
        # A file that is gone meanwhile holds up nobody
        with read(dashboard.connections.engine) as connection:
            outputs = select(Artifact.key).where(Artifact.kind == "output", Render.project_id == dashboard.project_id)
            keys = connection.scalars(outputs.join(Render, Render.id == Artifact.render_id)).all()
        dashboard.connections.storage.delete(keys[:1])
        told = farm("fid", *asked[2:-1], "--all", "--json")
        assert json.loads(told.stdout)["pictures"] == 3
        assert "1 of them cannot be had and are left out" in told.stderr
        dashboard.connections.storage.delete(keys)
        told = farm("fid", *asked[2:-1], "--all")
        assert (told.exit_code, "4 of 4 files are missing" in told.stderr) == (1, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [([], "name a job, or choose"), (["last", "--tag", "x"], "not both"), (["--tag", "x"], "2 pictures at the least")],
)
def test_a_choice_that_is_none_is_refused_in_words(
    farm: Farm, dashboard: DashboardFarm, asked: list[str], options: list[str], words: str
) -> None:
    told = farm("fid", *options, *asked[2:-1])
    assert (told.exit_code, words in told.stderr) == (2, True), told.output


def test_figures_are_printed_where_they_cannot_be_kept(
    farm: Farm, dashboard: DashboardFarm, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FarmClient(dashboard.url, dashboard.key) as client:
        client.submit("sana-demo", "a red circle", seeds=[1, 2, 3])
        dashboard.work()
        monkeypatch.setattr(set_distances, "MOST_KEPT", 0)
        told = farm(*asked)
    assert told.exit_code == 2
    assert told.stdout.startswith("FID ")
