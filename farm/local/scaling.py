"""As many worker processes on this machine as the autoscaler wants: more are started, those that were told to end may.

The wanted number stands in SQL, where any scheduler writes it. Who is to end is told by his heartbeat, and finishes
what he holds; here it is only seen that he is not started again.
"""

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from farm.catalog import PoolEntry
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.local.processes import Processes
from farm.local.program import Program, StartFailed
from farm.tables import Pool, Worker

log = structlog.get_logger(__name__)

#: How often the wanted numbers are read.
LOOK_SECONDS = 3.0

MakeWorker = Callable[[str, str], Program]


class LocalScaling:
    """Starts workers for the pools whose driver is `local`. `make` builds the program of a pool under a name."""

    def __init__(
        self,
        engine: Engine,
        processes: Processes,
        pools: Iterable[PoolEntry],
        make: MakeWorker,
        notify: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._processes = processes
        self._pools = [pool.name for pool in pools if pool.scaling is not None and pool.scaling.driver == "local"]
        self._make = make
        self._notify = notify
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-scaling", daemon=True)
        self._away = False

    def start(self) -> None:
        """Look every few seconds from now on, in a thread of its own; nothing to do if no pool is scaled here."""
        if self._pools:
            self._thread.start()

    def stop(self) -> None:
        """Start nothing more; returns when the thread has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Start what is missing now."""
        wanted, there = self._read()
        for pool in self._pools:
            mine = self._names(pool)
            # Of ours those that have not signed on yet are on their way; others may have been started elsewhere.
            known = there.get(pool, {})
            on_their_way = [name for name in mine if self._pid(name) not in known]
            staying = sum(stays for stays in known.values()) + len(on_their_way)
            for _ in range(staying, wanted.get(pool) or 0):
                self._start_one(pool, self._names(pool))

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
                self._away = False
            except (SQLAlchemyError, StartFailed) as error:
                if not self._away:
                    log.warning("local scaling put off", reason=str(error).partition("\n")[0])
                self._away = True

    def _read(self) -> tuple[Mapping[str, int | None], Mapping[str, Mapping[int, bool]]]:
        """The wanted number of each pool, and the pids of its workers with whether they stay."""
        there: dict[str, dict[int, bool]] = {}
        with read(self._engine) as connection:
            wanted = dict(connection.execute(select(Pool.name, Pool.desired).where(Pool.name.in_(self._pools))).all())
            alive = select(Worker.pool, Worker.pid, Worker.status, Worker.drain_asked_at).where(
                Worker.pool.in_(self._pools), Worker.status != WorkerStatus.GONE
            )
            for pool, pid, status, asked_at in connection.execute(alive):
                there.setdefault(pool, {})[pid] = asked_at is None and status != WorkerStatus.DRAINING
        return wanted, there

    def _names(self, pool: str) -> list[str]:
        first = f"worker-{pool}"
        return [name for name in self._processes.names() if name == first or _is_numbered(name, first)]

    def _pid(self, name: str) -> int | None:
        try:
            return self._processes.pid(name)
        except (StartFailed, KeyError):
            return None  # it has just ended

    def _start_one(self, pool: str, taken: list[str]) -> None:
        if self._stopping.is_set():
            return
        first = f"worker-{pool}"
        number = next(n for n in range(2 if first in taken else 1, 10_000) if f"{first}-{n}" not in taken)
        self._notify(f"{first}-{number} starts: the pool has work for one more.")
        self._processes.start(self._make(pool, f"{first}-{number}"), keep_at_once=True)


def _is_numbered(name: str, first: str) -> bool:
    return name.startswith(f"{first}-") and name.removeprefix(f"{first}-").isdecimal()
