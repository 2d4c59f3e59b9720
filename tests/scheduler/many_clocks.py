"""A farm on several machines, each with a clock of its own that jumps, drifts and sleeps; time is virtual.

Machines run in turns of a second. A machine's own clock is what people set; its steady clock is what its oscillator
does. All of them ask the database for the time, whose clock people set, too.
"""

from dataclasses import dataclass, replace

from farm.connections import Connections
from farm.farm_clock import FarmClock
from farm.ids import new_id
from farm.lifecycle import WorkerStatus
from scheduler.claims.claim_batch import Claimer, claim
from scheduler.fleet import worker_registry
from scheduler.leases.extend import Held, extend
from scheduler.maintenance.duty import Duty
from scheduler.maintenance.mark_dead_workers import MarkDeadWorkers
from scheduler.maintenance.reap_leases import ReapLeases
from scheduler.maintenance.supervisor import Supervisor
from tests.scheduler.conftest import START
from tests.scheduler.jobs import POOL

HOUR = 3600.0


@dataclass
class Time:
    """What passes, whatever any clock says; and the database's clock."""

    now: float = 0.0
    database_is_off: float = 0.0

    @property
    def of_nature(self) -> float:
        return START + self.now

    @property
    def of_database(self) -> float:
        return self.of_nature + self.database_is_off


@dataclass
class Machine:
    """A machine: by how much its clock is off, how fast its oscillator goes, how long it has slept."""

    time: Time
    off: float = 0.0
    rate: float = 1.0
    slept: float = 0.0  # since its oscillator got this rate
    since: float = 0.0
    told: float = 1_000.0  # by its steady clock then

    def wall(self) -> float:
        return self.time.of_nature + self.off

    def steady(self) -> float:
        return self.told + (self.time.now - self.since - self.slept) * self.rate

    def drift(self, rate: float) -> None:
        """Its oscillator goes so fast from now on."""
        self.told, self.since, self.slept = self.steady(), self.time.now, 0.0
        self.rate = rate


class AskedClock(FarmClock):
    """A farm's clock whose database is the virtual one; answers take no time."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(None, wall=machine.wall, steady=machine.steady)  # type: ignore[arg-type]  # it is not asked
        self._machine = machine

    def _ask(self) -> tuple[float, float]:
        return self._machine.time.of_database - self._machine.steady(), 0.002


def on_machine(connections: Connections, machine: Machine) -> Connections:
    """The farm as a process on this machine has it."""
    return replace(connections, clock=AskedClock(machine), steady=machine.steady)


class MachineWorker:
    """A worker: claims, and beats as often as `heartbeat_seconds` says, by the steady clock of its machine."""

    def __init__(self, connections: Connections, machine: Machine) -> None:
        self.id, self.machine = new_id(), machine
        self.connections = on_machine(connections, machine)
        self.held: list[Held] = []
        self.revoked: list[str] = []
        self.lives = True
        self._beats_at = 0.0
        worker_registry.sign_on(
            connections.engine, worker_id=self.id, pool=POOL, model="sana-demo", host="h", pid=1, now=self._now()
        )

    def take(self, renders: int) -> list[Held]:
        """Claim so many; what it got."""
        found = claim(
            self.connections.engine,
            Claimer(POOL, self.id, self.connections.settings.lease_seconds),
            capacity=renders,
            now=self.connections.clock(),
        )
        new = [Held(render.id, render.attempt) for render in found.renders] if found else []
        self.held += new
        return new

    def run(self) -> None:
        """Beat, if it is time."""
        if not self.lives or self.machine.steady() < self._beats_at:
            return
        settings = self.connections.settings
        self._beats_at = self.machine.steady() + settings.heartbeat_seconds
        now = self._now()
        self.revoked += extend(
            self.connections.engine,
            worker_id=self.id,
            held=self.held,
            now=now,
            lease_seconds=settings.lease_seconds,
        )
        report = worker_registry.WorkerReport(self.id, WorkerStatus.RENDERING, clock_skew=self.connections.clock_skew)
        worker_registry.beat(self.connections.engine, report, now=now)

    def _now(self) -> float:
        return self.connections.measured_time()


class MachineSupervisor:
    """A supervisor that takes back and retires, a round every `supervise_seconds`."""

    def __init__(self, connections: Connections, machine: Machine) -> None:
        self.machine, self.lives = machine, True
        self.connections = on_machine(connections, machine)
        self.supervisor = Supervisor(
            self.connections,
            [Duty("mark_dead_workers", MarkDeadWorkers().one_pass), Duty("reap_leases", ReapLeases().one_pass)],
        )
        self._runs_at = 0.0

    def run(self) -> None:
        """A round, if it is time."""
        if self.lives and self.machine.steady() >= self._runs_at:
            self._runs_at = self.machine.steady() + self.connections.settings.supervise_seconds
            self.supervisor.one_round()
