"""How long the client waits: a read gives up soon, a control is waited for until all of it is done."""

import time
from collections.abc import Callable

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


def test_a_read_gives_up_when_its_time_is_over() -> None:
    with (
        stamina.set_testing(True, attempts=1),
        scripted_farm() as farm,
        FarmClient(farm.url, KEY, timeout=0.2) as client,
    ):
        farm.on("GET /api/v1/jobs/j1", slowly)
        with pytest.raises(FarmUnreachable, match="does not answer"):
            client.job("j1")
