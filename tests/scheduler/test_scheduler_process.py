"""`farm scheduler` as processes: one acts, one stands by, and they stop when they are told to."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from sqlalchemy import select, update

from farm.clock import system_clock
from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import Outcome
from farm.settings import Settings
from farm.tables import Lease, WebhookDelivery
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook
from tests.scheduler.jobs import claim_some, settle_as, statuses, submit_job
from tests.scheduler.webhooks.receivers import receiving
from tests.waiting import eventually

#: How long a process may take to start on a machine with much else to do, in seconds.
STARTED = 120.0

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts schedulers on this test's database; those that are left are killed at its end."""
    variables = os.environ | settings.to_variables() | {"FARM_SUPERVISE_SECONDS": "0.1"}
    started: list[subprocess.Popen[bytes]] = []

    def begin(more: Mapping[str, str] = MappingProxyType({})) -> "subprocess.Popen[bytes]":
        with (tmp_path / f"scheduler-{len(started)}.log").open("wb") as log:
            command = [sys.executable, "-m", "farm.cli", "scheduler"]
            started.append(subprocess.Popen(command, env=variables | more, stdout=log, stderr=subprocess.STDOUT))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def holder(connections: Connections) -> int | None:
    """The process that acts: its id is the second part of the lease's holder."""
    with read(connections.engine) as connection:
        found = connection.scalar(select(Lease.holder))
    return int(found.split(":")[1]) if found else None


@pytest.mark.parametrize("database", ["postgresql", pytest.param("sqlite", marks=pytest.mark.long)], indirect=True)
def test_another_scheduler_takes_over_when_the_one_that_acts_is_killed(
    start: Start, connections: Connections, project: str
) -> None:
    # Given a scheduler that acts and one that stands by
    first = start()
    eventually(lambda: holder(connections) == first.pid, STARTED)
    second = start()

    # When the first is killed, and a worker's lease runs out
    first.kill()
    connections.clock = lambda: system_clock() - 3600
    job = submit_job(connections, project, 1)
    claim_some(connections)

    # Then the second acts: the render is pending again
    eventually(lambda: statuses(connections, job) == ["pending"], STARTED)
    assert holder(connections) == second.pid


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_scheduler_that_is_told_to_stop_gives_up_its_lease_and_ends_with_0(
    start: Start, connections: Connections, stop: signal.Signals
) -> None:
    scheduler = start()
    eventually(lambda: holder(connections) == scheduler.pid, STARTED)

    scheduler.send_signal(stop)

    assert scheduler.wait(timeout=STARTED) == 0
    assert holder(connections) is None


@pytest.mark.long
def test_what_a_scheduler_was_telling_when_it_was_killed_the_next_one_tells(
    start: Start, connections: Connections, project: str
) -> None:
    # Given a scheduler in the middle of an attempt, and an event that it has not come to
    silent = threading.Event()
    with receiving(lambda body: 204 if silent.is_set() else None) as receiver:
        connections.clock = system_clock
        create_webhook(connections.engine, project, receiver.url, [EventType.JOB_DONE], connections.clock())
        submit_job(connections, project, 1)
        settle_as(connections, claim_some(connections), Outcome.DONE)
        first = start({"FARM_WEBHOOK_NETWORKS": "127.0.0.0/8"})
        eventually(lambda: receiver.requests, STARTED)
        submit_job(connections, project, 1)
        settle_as(connections, claim_some(connections), Outcome.DONE)

        # When it is killed, and the time is over for which the attempt was its own
        first.kill()
        first.wait()
        silent.set()
        with write(connections.engine) as connection:
            connection.execute(update(WebhookDelivery).values(next_attempt_at=connections.clock()))
        start({"FARM_WEBHOOK_NETWORKS": "127.0.0.0/8"})

        # Then both events arrive, the first of them for the second time
        eventually(lambda: len(receiver.requests) == 3, STARTED)
    ids = [headers["webhook-id"] for headers, _ in receiver.requests]
    assert len(set(ids)) == 2
    assert ids.count(ids[0]) == 2
