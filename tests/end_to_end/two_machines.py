"""A farm on two 'machines': on each a scheduler, a dashboard, a scorer and two workers, with a data folder of its own.

What they share is what machines share: PostgreSQL, Redis and the bucket. Each process is a fresh interpreter, as it is
where nobody forks it, but for the engines, which a server on each machine forks. Where networks of their own are
allowed, each machine is in one, reaches the three servers over its wire alone, and the wire can be cut; elsewhere both
are in ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from farm.local import farm_processes
from farm.local.ports import Ports
from farm.local.program import Program
from farm.local.stack import LocalStack
from tests.end_to_end.networks import Network, networks
from tests.end_to_end.relays import relayed

POOL = "sana-demo-local"


@dataclass
class Machine:
    """One of the two; `network` is None where both are in ours. `url` is its dashboard's, once it runs."""

    name: str
    network: Network | None
    url: str = ""

    @property
    def address(self) -> str:
        return self.network.theirs if self.network else "127.0.0.1"


@dataclass
class TwoMachines:
    """Both. `relays` ends when the farm on them has ended."""

    both: Sequence[Machine]
    workers_each: int
    relays: ExitStack = field(default_factory=ExitStack)

    def programs(self, stack: LocalStack) -> Sequence[Program]:
        """Of both machines; called once, by the stack that starts them."""
        ports = Ports(stack.settings.data_dir / "machines.json")
        found: list[Program] = []
        for machine in self.both:
            port = ports.take(f"dashboard-{machine.name}")
            machine.url = f"http://{machine.address}:{port}"
            folder = stack.settings.data_dir / f"machine-{machine.name}"
            (folder / "tmp").mkdir(parents=True, exist_ok=True)
            environment = stack.environment | {
                "FARM_DATA_DIR": str(folder),
                "FARM_DASHBOARD_HOST": machine.address,
                "FARM_DASHBOARD_PORT": str(port),
                "FARM_ALLOWED_HOSTS": f"{machine.address},localhost",
                "TMPDIR": str(folder / "tmp"),
            }
            if machine.network:
                environment |= relayed(environment, machine.network.ours, self.relays)
            found += self._of_one(stack, machine, environment, folder)
        return found

    def _of_one(
        self, stack: LocalStack, machine: Machine, environment: Mapping[str, str], folder: Path
    ) -> Sequence[Program]:
        workers = [f"worker-{POOL}-{machine.name}{number}" for number in range(1, self.workers_each + 1)]
        engines = folder / "engines.sock"
        environment = {**environment, "FARM_ENGINE_FORK_SERVER": str(engines)}
        programs = [
            farm_processes.engine_fork_server(environment, engines),
            farm_processes.scheduler(environment),
            farm_processes.scorer(environment),
            *(farm_processes.worker(environment, POOL, name, stack.engine, stack.pid) for name in workers),
            farm_processes.dashboard(environment, machine.url),
        ]
        before = tuple(machine.network.command) if machine.network else ()
        return [
            replace(
                one,
                name=one.name if one.name in workers else f"{one.name}-{machine.name}",
                command=(*before, *one.command),
                folder=folder,
                forked=False,
                ready_seconds=farm_processes.WORKER_SECONDS,  # twelve interpreters start at once
            )
            for one in programs
        ]


@contextmanager
def two_machines(workers_each: int = 2) -> Iterator[TwoMachines]:
    """Machines for a farm that starts and ends meanwhile, as `LocalStack(…, programs=machines.programs)`."""
    names = ("a", "b")
    with networks([1, 2]) as made, ExitStack() as relays:
        wires: Sequence[Network | None] = made or [None, None]
        both = [Machine(name, wire) for name, wire in zip(names, wires, strict=True)]
        yield TwoMachines(both, workers_each, relays)
