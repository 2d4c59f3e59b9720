"""How long the client waits: a read gives up soon; a control, and a part of a file, until all of it is done."""

import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import stamina

from farm.client import FarmClient, FarmUnreachable
from tests.farm.scripted_farm import KEY, Heard, Said, a_job, scripted_farm

Control = Callable[[FarmClient], object]


def slowly(_: Heard) -> Said:
    """As a farm answers that has a million renders to cancel first."""
    time.sleep(0.6)
    return Said(a_job("j1"))


@pytest.mark.parametrize(
    ("verb", "control"),
    [("cancel", lambda client: client.cancel("j1")), ("pause", lambda client: client.pause("j1"))],
)
def test_a_control_of_many_renders_is_waited_for_and_asked_for_once(verb: str, control: Control) -> None:
    with scripted_farm() as farm, FarmClient(farm.url, KEY, timeout=0.2) as client:
        farm.on(f"POST /api/v1/jobs/j1/{verb}", slowly)
        control(client)
        assert len(farm.requests(f"POST /api/v1/jobs/j1/{verb}")) == 1


def test_a_part_of_a_file_that_a_busy_farm_takes_its_time_for_is_sent_once(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a red circle"}\n')
    size, crc32 = rows.stat().st_size, zlib.crc32(rows.read_bytes())
    intake = {"rows": 1, "renders": 1, "bytes": size, "next_line": 2, "crc32": crc32, "sealed": True}

    def admitted(_: Heard) -> Said:
        time.sleep(0.6)
        return Said({"job": a_job("j1"), "intake": intake, "notices": []}, 201)

    with scripted_farm() as farm, FarmClient(farm.url, KEY, timeout=0.2) as client:
        farm.on("POST /api/v1/jobs/stream", admitted)
        assert client.submit_file("sana-demo", rows).id == "j1"
        assert len(farm.requests("POST /api/v1/jobs/stream")) == 1


def test_a_read_gives_up_when_its_time_is_over() -> None:
    with (
        stamina.set_testing(True, attempts=1),
        scripted_farm() as farm,
        FarmClient(farm.url, KEY, timeout=0.2) as client,
    ):
        farm.on("GET /api/v1/jobs/j1", slowly)
        with pytest.raises(FarmUnreachable, match="does not answer"):
            client.job("j1")
