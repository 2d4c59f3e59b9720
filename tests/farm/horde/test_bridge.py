"""`farm horde` as its operator runs it: a process, between a farm and a stand-in that speaks the Horde's protocol."""

import base64
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from farm.cli import build_app
from farm.client import FarmClient
from farm.clock import system_clock
from farm.lifecycle import Outcome
from farm.plugins import NOT_ALLOWED
from scheduler.leases.settle import Settlement, settle
from tests.farm.dashboards import DashboardFarm
from tests.farm.horde.stand_in import KEY, HordeStandIn, horde_stand_in
from tests.waiting import eventually

OFFER = ("--offer", "sana-demo=Tiny Sana", "--name", "tests")


@pytest.fixture
def horde() -> Iterator[HordeStandIn]:
    with horde_stand_in() as state:
        yield state


@pytest.fixture
def bridge(dashboard: DashboardFarm, horde: HordeStandIn, tmp_path: Path) -> Callable[..., "Running"]:
    """Runs `farm horde` until the block is left."""

    def run(*options: str) -> Running:
        return Running(dashboard, horde, tmp_path / "said.txt", options)

    return run


class Running:
    """The process, and what it said."""

    def __init__(self, farm: DashboardFarm, horde: HordeStandIn, log: Path, options: tuple[str, ...]) -> None:
        self._log = log
        variables = {**os.environ, "FARM_URL": farm.url, "FARM_KEY": farm.key, "FARM_HORDE_KEY": KEY}
        command = [sys.executable, "-m", "farm", "horde", *OFFER, "--horde-url", horde.url, *options]
        with log.open("w") as file:
            self._process = subprocess.Popen(command, env=variables, stdout=file, stderr=file)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text()

    def signal(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(60)


def refuse_to_store(farm: DashboardFarm) -> None:
    """A worker's safety checker objects to what it has rendered."""
    renders = eventually(farm.take)
    reason = f"{NOT_ALLOWED}: the safety checker 'tests' objects: too red."
    settlements = [
        Settlement(each.id, each.attempt, Outcome.FAILED, reason=reason, gpu_seconds=0.1) for each in renders
    ]
    settled = settle(farm.connections.engine, settlements, system_clock(), max_failures=1)
    farm.connections.progress.announce(*settled.jobs)


@contextmanager
def client_of(farm: DashboardFarm) -> Iterator[FarmClient]:
    with FarmClient(farm.url, farm.key) as client:
        yield client


def test_a_horde_is_served(dashboard: DashboardFarm, horde: HordeStandIn, bridge: Callable[..., Running]) -> None:
    # Given a Horde that is away at first, and has jobs of each kind then
    horde.failures.extend([(503, ""), (403, "WorkerMaintenance")])
    horde.give("one", "two", prompt="a red circle###blue", sampler_name="k_euler", karras=False)
    horde.give("inline", links=False)
    horde.give("tiled", tiling=True)
    horde.give("large", width=512, height=512)
    horde.give("censored", use_nsfw_censor=True)

    with bridge("--safety-checker", "--amount", "2") as running:
        # When the farm's workers do what comes
        dashboard.finish(eventually(dashboard.take))
        dashboard.finish(eventually(dashboard.take))
        refuse_to_store(dashboard)
        eventually(lambda: horde.state_of("censored"))
        running.signal()
        assert running.end() == 0
        said = running.said
    with client_of(dashboard) as client:
        assert [*client.jobs()] == []  # what was handed over is gone from the lists

    # Then every job has its answer
    states = {name: horde.state_of(name) for name in ("one", "two", "inline", "tiled", "large", "censored")}
    assert list(states.values()) == ["ok", "ok", "ok", "faulted", "faulted", "censored"]
    assert (horde.submits["one"]["seed"], horde.submits["two"]["seed"]) == (7, 8)
    assert horde.submits["one"]["gen_metadata"] == []
    assert "karras" in horde.remarks_of("inline")
    assert "tiling" in horde.remarks_of("tiled")
    assert "width: must be between 64 and 256" in horde.remarks_of("large")
    assert horde.submits["censored"]["gen_metadata"][0] == {"type": "censorship", "value": "nsfw"}
    pictures = [*horde.pictures.values(), base64.b64decode(horde.submits["inline"]["generation"])]
    for content in pictures:
        picture = Image.open(io.BytesIO(content))
        assert (picture.format, picture.size) == ("WEBP", (128, 128))
        assert set(picture.info) <= {"loop", "background", "timestamp", "duration"}
    assert set(horde.pictures) == {"one", "two", "censored"}
    assert horde.pops[0]["models"] == ["Tiny Sana"]
    assert (horde.pops[0]["amount"], horde.pops[0]["nsfw"], horde.pops[0]["max_pixels"]) == (2, False, 192 * 128)

    # And no key is where it does not belong
    assert not [heard for heard in horde.heard if dashboard.key in heard]
    assert KEY not in said
    assert dashboard.key not in said
    assert "Signature" not in said
    assert "a red circle" not in said
    assert "Stopped: 3 ok, 1 censored, 2 faulted." in said


@pytest.mark.long
def test_when_stopped_it_finishes_what_it_holds_or_hands_it_back(
    dashboard: DashboardFarm, horde: HordeStandIn, bridge: Callable[..., Running]
) -> None:
    horde.give("finished")
    horde.give("given back")
    with bridge("--threads", "2", "--grace", "600") as running, client_of(dashboard) as client:
        eventually(lambda: len([*client.jobs()]) == 2, 60)
        first, _ = dashboard.take()
        running.signal()
        eventually(lambda: "Finishing 2 jobs" in running.said)
        pops = len(horde.pops)
        dashboard.finish([first])
        eventually(lambda: horde.submits)
        running.signal()  # again: not to wait any longer
        assert running.end() == 0
        assert sorted(told["state"] for told in horde.submits.values()) == ["faulted", "ok"]
        assert len(horde.pops) == pops
        assert [job.status for job in client.jobs()] == ["cancelled"]


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ((), "wrong-key-0123456789", "The Horde says: No user matching sent API Key ***"),
        (("--offer", "sanademo=X"), KEY, "did you mean 'sana-demo'"),
        (("--nsfw", "--safety-checker"), KEY, "not both"),
        (("--offer", "sana-demo"), KEY, "must be MODEL=NAME"),
        ((), "", "Set FARM_HORDE_KEY"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    dashboard: DashboardFarm, horde: HordeStandIn, options: tuple[str, ...], key: str, words: str
) -> None:
    variables = {"FARM_URL": dashboard.url, "FARM_KEY": dashboard.key, "FARM_HORDE_KEY": key, "COLUMNS": "300"}
    arguments = ["horde", *OFFER, "--horde-url", horde.url, *options]
    told = CliRunner().invoke(build_app(), arguments, env=variables)
    assert (told.exit_code, told.stdout) == (2, "")
    assert words in " ".join(told.stderr.split())
    assert not key or key not in told.stderr
