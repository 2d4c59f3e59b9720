"""Workers, users and the supervisor in threads of their own: nothing is lost or doubled, and nobody deadlocks."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress

from farm.connections import Connections
from farm.errors import Conflict
from farm.ids import new_id
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.control.cancel import cancel_render
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.retry import retry_render
from scheduler.leases.extend import Held, extend
from scheduler.leases.reap import reap
from scheduler.leases.settle import settle
from tests.scheduler.conftest import TestClock
from tests.scheduler.farms import SmallFarm, done, failed, returned
from tests.scheduler.invariants import Snapshot, breaches

ROUNDS = 25


def test_everybody_at_once_leaves_the_counters_right(connections: Connections, clock: TestClock) -> None:
    farm, engine = SmallFarm(connections.engine, now=clock()), connections.engine
    jobs: list[str] = []
    renders: list[str] = []
    for project in ("ada", "bob"):
        for key in "ab":
            job_id, ids = farm.submit(60, project=project, batch_key=key * 64)
            jobs.append(job_id)
            renders += ids

    def work(chance: random.Random) -> None:
        scan_cursor, worker_id = ScanCursor(life=0.05), new_id()
        for _ in range(ROUNDS):
            claim = farm.claim(chance.randint(1, 6), worker_id, scan_cursor)
            if claim is None:
                continue
            held = [Held(render.id, render.attempt) for render in claim.renders]
            extend(engine, worker_id=worker_id, held=held, now=clock(), lease_seconds=30.0)
            words = [chance.choice([done, done, done, failed, returned])(render) for render in claim.renders]
            chance.shuffle(words)
            settle(engine, words, clock(), worker_id=worker_id)

    def decide(chance: random.Random) -> None:
        for _ in range(ROUNDS):
            verb = chance.choice([pause_job, resume_job, resume_job])
            with suppress(Conflict):  # it has ended
                verb(connections, chance.choice(jobs))
            with suppress(Conflict):  # it has ended, or it has not failed
                chance.choice([cancel_render, retry_render])(connections, chance.choice(renders))

    def supervise(_: random.Random) -> None:
        for _ in range(ROUNDS):
            reap(engine, clock() + 31.0)  # every lease has run out: all workers are zombies at once

    faults: list[BaseException] = []

    def run(role: Callable[[random.Random], None], seed: int) -> None:
        try:
            role(random.Random(seed))
        except BaseException as fault:
            faults.append(fault)

    threads = [
        threading.Thread(target=run, args=(role, seed))
        for seed, role in enumerate([work, work, work, decide, supervise])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert breaches(Snapshot(engine)) == []

    for job_id in jobs:
        with suppress(Conflict):
            resume_job(connections, job_id)
    reap(engine, clock() + 31.0)
    while claim := farm.claim():
        settle(engine, [done(render) for render in claim.renders], clock())
    end = Snapshot(engine)
    assert breaches(end) == []
    assert {render.status for render in end.renders} <= {"done", "failed", "cancelled"}
    assert all(job.finished_at for job in end.jobs)
