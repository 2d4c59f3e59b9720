"""The farm's own processes on one machine: the scheduler, workers, the dashboard."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from sqlalchemy import Engine, select

from farm.catalog import PoolEntry
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.local.program import Program, StartFailed, Tier
from farm.tables import Worker

#: Loading torch and a model on a busy machine with few cores takes a while; a real model is larger.
WORKER_SECONDS = 600.0


#: A module of each extra that the processes of a whole farm need.
EXTRAS = {"dashboard": "flask", "worker": "torch"}
#: The name of the process that forks them.
FORK_SERVER = "farm-fork-server"
#: What the programs that are forked import.
SHARED = ("farm.cli", "scheduler.commands", "workers.commands", "workers.agent.worker")


def require_extras() -> None:
    """Raise StartFailed unless everything is installed that a whole farm on one machine needs."""
    if missing := [extra for extra, module in EXTRAS.items() if find_spec(module) is None]:
        raise StartFailed(
            f"A whole farm on one machine also needs what is not installed here: {', '.join(missing)}. "
            "Install it with `pip install 'latent-farm[all]'`."
        )


def scheduler(environment: Mapping[str, str]) -> Program:
    """`farm scheduler`."""
    return _part("scheduler", ["scheduler"], environment)


def scorer(environment: Mapping[str, str]) -> Program:
    """`farm scorer`."""
    return _part("scorer", ["scorer"], environment)


def can_fork() -> bool:
    """Whether the system can watch what a fork server has forked."""
    return hasattr(os, "pidfd_open")


def fork_server(environment: Mapping[str, str], path: Path) -> Program:
    """What forks the programs below, at a socket in a folder that only we may enter.

    Ready when it can be asked: who asks while it still imports waits for the answer.
    """
    program = _part(FORK_SERVER, [], environment, path.exists)
    command = (sys.executable, "-m", "farm.local.fork_server", "--socket", str(path), *SHARED)
    return replace(program, command=command, tier=Tier.FORK_SERVER, leftovers=(path,), forked=False)


def needs_engine_fork_server(pools: Iterable[PoolEntry]) -> bool:
    """Whether engines will run on this machine, and the system can share what they import. Of one, too: the fork server
    imports while all else starts, and what it holds its engine need not hold.
    """
    engines = sum(
        max(pool.workers, pool.scaling.maximum if pool.scaling and pool.scaling.driver == "local" else 0)
        for pool in pools
    )
    return engines > 0 and can_fork()


def engine_fork_server(environment: Mapping[str, str], path: Path) -> Program:
    """What forks the engines of this machine's workers, at a socket in a folder that only we may enter.

    Ready when it can be asked: who asks while it still imports waits for the answer.
    """
    program = _part("fork-server", [], environment, path.exists)
    command = (sys.executable, "-m", "workers.engine.fork_server", "--socket", str(path))
    return replace(program, command=command, tier=Tier.FORK_SERVER, leftovers=(path,))


def dashboard(
    environment: Mapping[str, str],
    url: str,
    pid_of: Callable[[str], int] | None = None,
    prepared: Path | None = None,
) -> Program:
    """`farm dashboard`; ready when it listens itself, answers and finds the database.

    Another farm that was started in the same moment may have taken the port, and would answer as well as ours.
    `pid_of`: its pid by its name; none where it has an address that no other farm could have taken. `prepared`: a file
    that is there once the database may be used; until then it imports, and listens nowhere.
    """
    port = urlsplit(url).port

    def listens() -> bool:
        if pid_of is None:
            return True
        opened = psutil.Process(pid_of("dashboard")).net_connections("tcp")
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in opened)

    def answers() -> bool:
        if not listens():
            return False
        import httpx  # not above: `farm up` starts the engines' fork server before it imports what it does not need

        from farm.client.connection.certificates import authorities

        # trust_env: no proxy of the environment is for this machine.
        with httpx.Client(trust_env=False, timeout=5, verify=authorities(False)) as client:
            return client.get(f"{url}/readyz?parts=database").is_success

    program = _part("dashboard", ["dashboard"], environment, answers)
    if prepared is None:
        return program
    return replace(program, command=(sys.executable, "-m", "dashboard", "--after", str(prepared)), forked=False)


def workers(
    environment: Mapping[str, str], pools: Iterable[PoolEntry], engine: Engine, pid_of: Callable[[str], int]
) -> list[Program]:
    """`farm worker --pool …`, as many as each pool's entry says; ready when SQL says that the model is loaded."""
    return [
        worker(
            environment, pool.name, f"worker-{pool.name}" + (f"-{number}" if pool.workers > 1 else ""), engine, pid_of
        )
        for pool in pools
        for number in range(1, pool.workers + 1)
    ]


def worker(
    environment: Mapping[str, str], pool: str, name: str, engine: Engine, pid_of: Callable[[str], int]
) -> Program:
    """One `farm worker --pool POOL`. It is meant to end when the autoscaler has asked for that in SQL."""

    def lives() -> bool:
        at_work = select(Worker.id).where(
            Worker.pool == pool,
            Worker.pid == pid_of(name),
            Worker.status.in_([WorkerStatus.IDLE, WorkerStatus.RENDERING]),
        )
        with read(engine) as connection:
            return connection.execute(at_work.limit(1)).first() is not None

    def was_asked(pid: int) -> bool:
        asked = select(Worker.id).where(
            Worker.pool == pool, Worker.pid == pid, Worker.host == socket.gethostname(), Worker.drain_asked_at > 0
        )
        # The newest only: pids come again.
        newest = select(Worker.id).where(Worker.pool == pool, Worker.pid == pid).order_by(Worker.started_at.desc())
        with read(engine) as connection:
            return connection.scalar(newest.limit(1)) in set(connection.scalars(asked))

    program = _part(name, ["worker", "--pool", pool], environment, lives, WORKER_SECONDS)
    return replace(program, meant_to_end=was_asked)


def _part(
    name: str,
    arguments: list[str],
    environment: Mapping[str, str],
    ready: Callable[[], bool] = lambda: True,
    ready_seconds: float = 120.0,
) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-m", "farm", *arguments),
        environment=environment,
        folder=Path.cwd(),  # settings may hold relative paths
        ready=ready,
        ready_seconds=ready_seconds,
        stop_seconds=45.0,  # a worker first brings its batch to an end, for `drain_seconds`
        # Nobody is left to bring anything to: leases heal what was under way.
        orphan_signal=signal.SIGKILL,
        tier=Tier.FARM,
        forked=True,
    )
