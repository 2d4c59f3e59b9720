"""A machine that loses its network in the middle of a render, for longer than its lease, and finds it again."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from farm.client import FarmClient
from farm.connections import Connections
from farm.database import read
from farm.local.stack import LocalStack
from farm.tables import Worker
from tests.end_to_end.farms import RunningFarm, quick_settings
from tests.end_to_end.two_machines import POOL, Machine, two_machines
from tests.waiting import eventually

pytestmark = pytest.mark.long

RENDERS = 4
#: Long enough on any machine to be caught in the middle.
SLOW = {"num_inference_steps": 50, "width": 256, "height": 256, "sampler": "euler"}


@dataclass
class Pair:
    """A farm on two machines with a worker each."""

    stack: LocalStack
    connections: Connections
    machines: dict[str, Machine]
    farms: dict[str, RunningFarm]  # as the dashboard of each sees it

    def machine_of(self, worker_id: str) -> str:
        [name] = [name for name in self.machines if self._worker(name).id == worker_id]
        return name

    def heartbeat(self, machine: str) -> float:
        """When the database last heard of the machine's worker."""
        return float(self._worker(machine).heartbeat_at)

    def _worker(self, machine: str) -> Any:
        pid = self.stack.pid(f"worker-{POOL}-{machine}1")
        with read(self.connections.engine) as connection:
            return connection.execute(select(Worker.__table__).where(Worker.pid == pid)).one()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with two_machines(workers_each=1) as machines:
        if not all(machine.network for machine in machines.both):
            pytest.skip("networks of their own are not allowed here")
        only = {"sana-demo-local": 2, "sprint-demo-local": 0, "wan-demo-local": 0}
        with (
            LocalStack(quick_settings(tmp_path), workers=only, postgres=True, programs=machines.programs) as stack,
            Connections.open(stack.settings) as connections,
            ExitStack() as clients,
        ):
            farms = {
                machine.name: RunningFarm(stack, clients.enter_context(FarmClient(machine.url, stack.key)), connections)
                for machine in machines.both
            }
            yield Pair(stack, connections, {machine.name: machine for machine in machines.both}, farms)


def test_what_a_machine_held_that_is_cut_off_is_rendered_by_the_other_and_its_word_is_void_afterwards(
    pair: Pair,
) -> None:
    # Given a machine in the middle of a batch
    farm = pair.farms["a"]
    job = farm.client.submit("sana-demo", "a blue circle on a red background", seed_count=RENDERS, **SLOW)
    farm.when_stepping(job.id)
    cut = pair.machine_of(farm.attempts(job.id)[0].worker_id)
    [farm] = [farm for name, farm in pair.farms.items() if name != cut]
    network = pair.machines[cut].network
    assert network is not None

    # When it is cut from everything for longer than its lease
    network.cut()
    try:
        eventually(lambda: any(attempt.outcome == "lost" for attempt in farm.attempts(job.id)))
        # Then the other one renders all of it,
        farm.client.wait(job.id, timeout=600)
    finally:
        network.mend()

    # and what the first one says, when it is back, counts for nothing; it goes on working
    said_last = pair.heartbeat(cut)
    eventually(lambda: pair.heartbeat(cut) > said_last)
    farm.assert_nothing_lost_or_doubled(job.id, renders=RENDERS)
    assert all(row.failures == 0 for row in farm.renders(job.id))
