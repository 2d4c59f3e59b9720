"""Chaos: kill -9 of everything at random under load, and then: was anything lost, was anything doubled?

    python -m tests.end_to_end.chaos --seconds 300 --seed 7
    python -m tests.end_to_end.chaos --seconds 1800 --two-machines

A whole farm as `farm up` starts it; several projects submit all the time through the API, each submission with an
Idempotency-Key, tried again until it is answered, sometimes hung up on, sometimes sent twice. Meanwhile scheduler,
workers, the fork server of their engines, Valkey and dashboard are killed. Afterwards every accepted job must be there
once, every render done once, its files readable, the counters right and the events without a gap; and once everything
that is old enough was collected as garbage, nothing lies in the bucket that no row names.

On two machines there are two schedulers, dashboards and scorers and four workers, on a PostgreSQL. Where each has a
network of its own, now and then one is cut from the other and from all servers for a while.
"""

import argparse
import hashlib
import random
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import func, select

from farm.accounts import create_key, create_project
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import JOB_ENDED, Outcome
from farm.local.program import StartFailed
from farm.local.stack import LocalStack
from farm.settings import Settings
from farm.storage_keys import ARTIFACTS
from farm.tables import Artifact, Attempt, IdempotencyKey, Job, Render
from scheduler.maintenance.old_files.collect_garbage import collect_garbage
from tests.end_to_end.farms import quick_settings
from tests.end_to_end.two_machines import Machine, two_machines
from tests.scheduler.invariants import Snapshot, breaches

#: For what was submitted to be accepted at last, and for all to be rendered, once the killing is over.
PATIENCE_SECONDS = 600.0
#: Renders that wait, beyond which nobody submits: a slow machine must come to an end, too.
BACKLOG = 60
#: Nobody restarts these servers in the middle of a write for us: their own faults have tests of their own.
SPARED = ("seaweed", "postgres")
#: Between two kills. On two machines almost every process is a fresh interpreter, which takes many times as long to
#: start as a fork: it lives for a minute and a half then, and a worker has time to render.
PAUSE_SECONDS = (1.0, 5.0)
PAUSE_SECONDS_ON_TWO_MACHINES = (3.0, 15.0)
#: So often a machine is cut off in place of a kill, and for so long: below and above the life of a lease, and above the
#: patience of PostgreSQL with a transaction that says nothing.
CUT_SHARE = 0.1
CUT_SECONDS = (2.0, 40.0)
MODEL = "sana-demo"
COLOURS = ("red", "green", "blue", "yellow", "white")
SHAPES = ("circle", "square", "star", "triangle")


def chaos_settings(folder: Path) -> Settings:
    """Much happens in a short time; and patience with renders that are unlucky."""
    return quick_settings(folder).model_copy(update={"max_failures": 10})


@dataclass
class Tenant:
    """A project that submits, and what the farm has accepted from it: renders by job id."""

    project_id: str
    key: str
    accepted: dict[str, int] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    told: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # each try, by Idempotency-Key

    def hears(self, name: str, answer: str) -> None:
        """What became of a try: a status, or the error of who hears nothing."""
        self.tries[answer] += 1
        self.told[name].append(answer)


@dataclass
class Chaos:
    """One run against a started farm."""

    stack: LocalStack
    connections: Connections
    seed: int
    urls: Sequence[str]  # of the dashboards
    machines: Sequence[Machine] = ()  # two, or none
    tenants: list[Tenant] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    cuts: int = 0
    orphans: int = 0

    def run(self, seconds: float, *, projects: int = 3) -> None:
        """Submit and kill for so long, let all come to its end, then look; `faults` says what was wrong."""
        for number in range(projects):
            project_id = create_project(self.connections.engine, f"chaos-{self.seed}-{number}")
            self.tenants.append(Tenant(project_id, create_key(self.connections.engine, project_id).secret))
        over = threading.Event()
        submitters = [
            threading.Thread(target=self._submit, args=[tenant, random.Random(self.seed * 1_000 + number), over])
            for number, tenant in enumerate(self.tenants)
        ]
        for thread in submitters:
            thread.start()
        try:
            self._kill(random.Random(self.seed), seconds)
        finally:
            over.set()
            for thread in submitters:
                thread.join()
        self._wait_for_all()
        self._look()

    def _kill(self, dice: random.Random, seconds: float) -> None:
        end = time.monotonic() + seconds
        pause = PAUSE_SECONDS_ON_TWO_MACHINES if self.machines else PAUSE_SECONDS
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, dice.uniform(*pause)))
            if self.machines and dice.random() < CUT_SHARE and self._cut_off(dice.choice(self.machines), dice):
                continue
            names = [name for name in self.stack.names() if name not in SPARED]
            for name in dice.sample(names, dice.choice((1, 1, 1, 2))):
                try:
                    self.stack.kill(name)
                except (StartFailed, OSError):
                    continue  # it lies already, and waits to be started again
                self.kills[self._kind(name)] += 1

    def _kind(self, name: str) -> str:
        """Of a process: 'worker', 'scheduler', … on whatever machine."""
        if name.startswith("worker-"):
            return "worker"
        return name.rpartition("-")[0] if self.machines and "-" in name else name

    def _cut_off(self, machine: Machine, dice: random.Random) -> bool:
        """Nothing gets to this machine or from it for a while. False: it has no network of its own."""
        if machine.network is None:
            return False
        machine.network.cut()
        try:
            time.sleep(dice.uniform(*CUT_SECONDS))
        finally:
            machine.network.mend()
        self.cuts += 1
        return True

    def _submit(self, tenant: Tenant, dice: random.Random, over: threading.Event) -> None:
        """One submission after the other; none is given up before the farm has said yes."""
        while not over.wait(dice.uniform(0.2, 1.5)):
            if self._waiting() > BACKLOG:
                continue
            body = {
                "model": MODEL,
                "prompt": f"a {dice.choice(COLOURS)} {dice.choice(SHAPES)} on a black background",
                "seeds": [dice.randrange(2**31) for _ in range(dice.choice((1, 1, 2, 8)))],
                "num_inference_steps": dice.choice((4, 8, 20)),
                "class": dice.choice(("urgent", "normal", "bulk")),
            }
            name = f"chaos-{dice.getrandbits(64):016x}"
            first = self._until_accepted(tenant, body, name, dice)
            if first is not None and dice.random() < 0.2:
                again = self._until_accepted(tenant, body, name, dice)
                if again not in (first, None):
                    self.faults.append(f"the key {name} made job {first} and job {again}")

    def _waiting(self) -> int:
        with read(self.connections.engine) as connection:
            return connection.scalar(select(func.count()).where(Render.status == "pending")) or 0

    def _until_accepted(self, tenant: Tenant, body: dict[str, object], name: str, dice: random.Random) -> str | None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        headers = {"Authorization": f"Bearer {tenant.key}", "Idempotency-Key": name}
        while time.monotonic() < give_up:
            # Now and then the client hangs up in the middle, and never hears what became of it.
            timeout = dice.choice((0.02, 10.0, 10.0, 10.0))
            try:
                answer = httpx.post(
                    f"{dice.choice(self.urls)}/api/v1/jobs",
                    json=body,
                    headers=headers,
                    timeout=timeout,
                    trust_env=False,
                )
            except httpx.TransportError as error:
                tenant.hears(name, type(error).__name__)
            else:
                tenant.hears(name, str(answer.status_code))
                if answer.is_success:
                    job = answer.json()["job"]
                    tenant.accepted[job["id"]] = len(body["seeds"])  # type: ignore[arg-type]
                    return str(job["id"])
                if answer.status_code < 500 and answer.status_code not in (408, 429):
                    self.faults.append(
                        f"{name} was refused with {answer.status_code} after {tenant.told[name]}: {answer.text[:300]}"
                    )
                    return None
            time.sleep(dice.uniform(0.05, 0.5))
        self.faults.append(f"{name} was not accepted within {PATIENCE_SECONDS:.0f} s: {dict(tenant.tries)}")
        return None

    def _wait_for_all(self) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        going_on = select(func.count()).where(Job.status.not_in([status.value for status in JOB_ENDED]))
        while time.monotonic() < give_up:
            with read(self.connections.engine) as connection:
                left = connection.scalar(going_on) or 0
            if not left:
                return
            time.sleep(0.2)
        self.faults.append(f"{left} jobs had not ended {PATIENCE_SECONDS:.0f} s after the last kill")

    def _look(self) -> None:
        """Everything that was promised, from the database and from the bucket."""
        self.faults += breaches(Snapshot(self.connections.engine))
        self._collect_garbage()
        for tenant in self.tenants:
            self._look_at_jobs(tenant)
        with read(self.connections.engine) as connection:
            artifacts = connection.execute(
                select(Artifact.key, Artifact.sha256, Artifact.attempt, Render.attempt.label("settled"))
                .join(Render, Render.id == Artifact.render_id)
            ).all()  # fmt: skip
        for artifact in artifacts:
            if artifact.attempt != artifact.settled:
                self.faults.append(f"{artifact.key} is of another attempt than the settled one")
            elif hashlib.sha256(self.connections.storage.get(artifact.key)).hexdigest() != artifact.sha256:
                self.faults.append(f"{artifact.key} holds other bytes than the row says")

    def _collect_garbage(self) -> None:
        """What workers left that were killed is found a day later, and then nothing is left but what rows name."""
        connections = self.connections
        later = connections.clock() + 2 * 3600 * (connections.settings.orphan_hours + 1)
        self.orphans = len(collect_garbage(connections, later, remove=True).objects)
        if left := collect_garbage(connections, later, remove=False).objects:
            self.faults.append(f"orphans after gc: {left}")
        with read(connections.engine) as connection:
            named = set(connection.scalars(select(Artifact.key)))
        page = connections.storage.page(ARTIFACTS)
        while page:
            if nameless := [one.key for one in page if one.key not in named]:
                self.faults.append(f"in the bucket, and no row names it: {nameless}")
            page = connections.storage.page(ARTIFACTS, page[-1].key)

    def _look_at_jobs(self, tenant: Tenant) -> None:
        with read(self.connections.engine) as connection:
            jobs = connection.execute(
                select(Job.id, Job.status, Job.renders_total).where(Job.project_id == tenant.project_id)
            ).all()
        there = {job.id: job.renders_total for job in jobs}
        if lost := tenant.accepted.keys() - there.keys():
            self.faults.append(f"accepted, and not there: {sorted(lost)}")
        if more := there.keys() - tenant.accepted.keys():
            asked = {job_id: tenant.told[name] for job_id, name in self._keys_of(tenant) if job_id in more}
            self.faults.append(f"made without being accepted, or twice: {sorted(more)}; their clients heard {asked}")
        if wrong := {id: there[id] for id, renders in tenant.accepted.items() if there.get(id, renders) != renders}:
            self.faults.append(f"other numbers of renders than asked for: {wrong}")
        if bad := [(job.id, job.status) for job in jobs if job.status != "done"]:
            self.faults.append(f"not done: {bad}")

    def _keys_of(self, tenant: Tenant) -> Sequence[tuple[str, str]]:
        """Each job that was made for a tenant, with the Idempotency-Key that made it."""
        keys = select(IdempotencyKey.job_id, IdempotencyKey.key).where(IdempotencyKey.project_id == tenant.project_id)
        with read(self.connections.engine) as connection:
            return [(row.job_id, row.key) for row in connection.execute(keys)]

    def summary(self) -> str:
        """What was done, in a few words."""
        with read(self.connections.engine) as connection:
            outcomes = connection.execute(select(Attempt.outcome, func.count()).group_by(Attempt.outcome)).all()
            blamed = connection.scalars(select(Attempt.reason).where(Attempt.outcome == Outcome.FAILED)).all()
        tries = sum((tenant.tries for tenant in self.tenants), Counter[str]())
        jobs, renders = (
            sum(count(tenant.accepted) for tenant in self.tenants)
            for count in (len, lambda accepted: sum(accepted.values()))
        )
        return (
            f"seed {self.seed}: {self.kills.total()} kills {dict(self.kills)}, {self.cuts} cuts; "
            f"{jobs} jobs, {renders} renders; "
            f"answers {dict(tries)}; attempts {dict(tuple(row) for row in outcomes)}, "
            f"those that failed: {dict(Counter(blamed))}; "
            f"{self.orphans} orphans, collected; {len(self.faults)} faults"
        )


def run_chaos(
    folder: Path, seconds: float, seed: int, *, workers: int = 2, projects: int = 3, machines: bool = False
) -> Chaos:
    """A farm of its own in `folder`, chaos in it, and the farm is stopped; `faults` is empty if all is well.

    `machines`: on two of them, with a PostgreSQL; `workers` says nothing then.
    """
    only = {"sana-demo-local": workers, "sprint-demo-local": 0, "wan-demo-local": 0}
    settings = chaos_settings(folder)
    with ExitStack() as until_the_end:
        pair = until_the_end.enter_context(two_machines()) if machines else None
        local = (
            LocalStack(settings, workers=only, postgres=True, programs=pair.programs)
            if pair
            else LocalStack(settings, workers=only)
        )
        stack = until_the_end.enter_context(local)
        connections = until_the_end.enter_context(Connections.open(stack.settings))
        both = pair.both if pair else ()
        chaos = Chaos(stack, connections, seed, [machine.url for machine in both] or [stack.url], both)
        chaos.run(seconds, projects=projects)
        print(chaos.summary(), flush=True)
        return chaos


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the seed, run, print what was found; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long to kill")
    parser.add_argument("--seed", type=int, default=None, help="of the dice; another one each time without it")
    parser.add_argument("--two-machines", action="store_true", help="two of each process, four workers, on PostgreSQL")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="farm-chaos-") as folder:
        chaos = run_chaos(Path(folder) / "farm", options.seconds, seed, machines=options.two_machines)
    for fault in chaos.faults:
        print(f"FAULT {fault}", flush=True)
    return 1 if chaos.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
