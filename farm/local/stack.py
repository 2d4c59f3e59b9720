"""A whole farm on one machine: `with LocalStack(settings) as stack:` is what `farm up`, `farm demo` and tests run.

It starts what the settings do not name: a Valkey, an S3 server, and with `postgres` a PostgreSQL. Then come the
migrations, the scheduler, the workers and the dashboard, as processes that find each other through `FARM_*`
variables, as they would on many machines.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

from pydantic import SecretStr
from sqlalchemy import Engine

from farm.accounts import FirstAccount, authenticate, create_key, ensure_first_project, sign_in_link
from farm.catalog import PoolEntry
from farm.client.connection.address import CLIENT_FILE
from farm.database import make_engine
from farm.farm_clock import FarmClock
from farm.forking.client import ForkServer
from farm.forking.server import listen
from farm.local import farm_processes, fork_server
from farm.local.embedded_servers import dashboard_port, embedded_servers
from farm.local.folder import DataFolder
from farm.local.head_start import HeadStart, engine_fork_server, pools_of
from farm.local.keys import ensure_keys, write_private
from farm.local.ports import Ports
from farm.local.prefork import Preforked, has_one_thread, prefork
from farm.local.processes import Processes
from farm.local.program import Program
from farm.local.scaling import LocalScaling
from farm.schema.upgrade import upgrade
from farm.settings import Settings, load_settings
from farm.settings_sources import CATALOG_OVERRIDE
from farm.storage import Storage

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def farm_programs(stack: "LocalStack") -> list[Program]:
    """The farm's own processes, in the order of their start."""
    return [
        farm_processes.scheduler(stack.environment),
        farm_processes.scorer(stack.environment),
        *farm_processes.workers(stack.environment, stack.pools, stack.engine, stack.pid),
        farm_processes.dashboard(stack.environment, stack.url, stack.pid),
    ]


class LocalStack:
    """A farm that runs between `__enter__` and `__exit__`.

    Once started: `settings` (with the addresses of what was started), `environment` (the same for a process),
    `url` (of the dashboard), `key` (an API key of the first project's operator), `engine`.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt inside the `with`, so the farm is stopped in order; a second
    one, while it is being stopped, kills.
    """

    settings: Settings
    environment: dict[str, str]
    url: str
    key: str
    engine: Engine
    pools: list[PoolEntry]

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        postgres: bool = False,
        workers: Mapping[str, int] | None = None,
        notify: Callable[[str], None] = _print,
        programs: Callable[["LocalStack"], Sequence[Program]] = farm_programs,
        head_start: HeadStart | None = None,
    ) -> None:
        """`postgres`: keep the jobs in a PostgreSQL of our own instead of SQLite. `workers`: how many of a pool,
        instead of what the catalog says. `notify` hears what happens, in words for people. `head_start`: what this
        process, which is for the farm alone, has begun already, with settings and workers; the farm's fork server
        may be a fork of it, too.

        Raises UnknownPool, and StartFailed when an extra is not installed.
        """
        if programs is farm_programs:
            farm_processes.require_extras()
        self._head_start = head_start
        if head_start is not None:
            settings, workers = head_start.settings, head_start.workers
        self.settings = settings or load_settings()
        self._postgres = postgres
        self._notify = notify
        self._programs = programs
        self.pools = list(head_start.pools) if head_start else pools_of(self.settings, workers or {})
        self._fixed = list(workers or {})
        self._former_signals: dict[int, Any] = {}
        self._stopping = False
        self._scaling: LocalScaling | None = None

    def __enter__(self) -> Self:
        """Start it all; return when the dashboard answers and every worker has its model.

        Raises:
            InUse: another farm has the data folder.
            StartFailed: a process did not start; the message has the end of its log.
        """
        head_start = self._head_start
        self._folder = head_start.folder if head_start else DataFolder(self.settings.data_dir)
        engines = head_start.engines if head_start else None
        # Before there is a thread, and outside of what stops the farm at an error.
        preforked = self._prefork() if self._may_prefork() else None
        self._processes = Processes(self._folder.logs, self._notify, keep_open=self._folder.lock)
        self._take_signals()
        try:
            self._start(preforked, engines)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def sign_in_link(self) -> str:
        """A new address that signs the operator in, once, within a quarter of an hour."""
        base = self.settings.public_url or self.url
        return sign_in_link(self.engine, self._account.user_id, base)

    def wait(self) -> None:
        """Wait for Ctrl-C or SIGTERM, which raise KeyboardInterrupt."""
        while True:
            threading.Event().wait(3600)

    def names(self) -> list[str]:
        """The processes that are kept running: 'valkey', 'seaweed', 'scheduler', 'worker-<pool>', 'dashboard', …"""
        return self._processes.names()

    def pid(self, name: str) -> int:
        """The id of a process of this stack."""
        return self._processes.pid(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process; if that ends it, it is started again, as after any fall."""
        self._processes.send(name, number)

    def restart(self, name: str) -> None:
        """Stop a process in its own way and start it again; return when it is ready. Raises StartFailed."""
        self._processes.restart(name)

    def stop(self) -> None:
        """Stop all, the dashboard first and the servers last; nothing is left but the data folder."""
        self._stopping = True
        self._notify("Stopping the farm.")
        if self._scaling is not None:
            self._scaling.stop()
        self._processes.stop()
        if hasattr(self, "engine"):
            self.engine.dispose()
        with suppress(OSError):  # no reason to keep the folder locked; the next start removes it
            self._prepared.unlink(missing_ok=True)
        self._folder.release()
        for number, former in self._former_signals.items():
            signal.signal(number, former)

    def _start(self, preforked: Preforked | None, engines: Preforked | None) -> None:
        engine_program = None
        if self._programs is farm_programs:
            engine_program = engine_fork_server(self.settings, self.pools, self._folder)
        if engine_program is not None:
            self._processes.start(engine_program, started=engines)
        if self._programs is farm_programs and farm_processes.can_fork():
            self._start_fork_server(preforked)
        keys = ensure_keys(self._folder.path / "keys.json")
        ports = Ports(self._folder.path / "ports.json")
        found: dict[str, Any] = {"dashboard_port": dashboard_port(self.settings, ports)}
        servers = []
        for server, fields in embedded_servers(self.settings, self._folder, keys, ports, postgres=self._postgres):
            self._processes.start(server.program)
            servers.append(server.program.name)
            found |= fields
        if engine_program is not None:
            self._processes.wait_ready([engine_program.name])
            found["engine_fork_server"] = engine_program.leftovers[0]  # by which the workers find it
        found["secret_key"] = self.settings.secret_key or SecretStr(keys.secret_key)
        self.settings = self.settings.model_copy(update=found)
        self.environment = {
            **os.environ,
            **self.settings.to_variables(),
            **{_scaling_variable(pool): "null" for pool in self._fixed},
            "TMPDIR": str(self._folder.scratch),
        }
        self.url = f"http://{reachable(self.settings.dashboard_host)}:{self.settings.dashboard_port}"
        self._prepared.unlink(missing_ok=True)
        if self._programs is farm_programs:
            # It imports for longer than what it waits for takes.
            self._processes.start(farm_processes.dashboard(self.environment, self.url, self.pid, self._prepared))
        self._wait_ready(servers)  # all of them start side by side
        self._prepare()
        self._prepared.touch(mode=0o600)
        self._start_farm()

    def _may_prefork(self) -> bool:
        """Whether the farm's fork server may be a fork of this process."""
        wanted = self._head_start is not None and self._programs is farm_programs and farm_processes.can_fork()
        return wanted and has_one_thread()

    def _prefork(self) -> Preforked:
        """The farm's fork server as a fork of this process."""
        fork_server.preload(farm_processes.SHARED)
        name, path = farm_processes.FORK_SERVER, self._fork_server_socket
        return prefork(name, self._folder.logs / f"{name}.log", lambda: fork_server.serve(listen(path)))

    @property
    def _prepared(self) -> Path:
        """A file that is there from when the schema is the newest one."""
        return self._folder.runtime / "prepared"

    @property
    def _fork_server_socket(self) -> Path:
        return self._folder.runtime / "farm.sock"

    def _start_fork_server(self, preforked: Preforked | None) -> None:
        """First of all: it imports while the servers start."""
        program = farm_processes.fork_server(os.environ, self._fork_server_socket)
        self._processes.start(program, started=preforked)
        self._processes.wait_ready([program.name])
        self._processes.fork_server = ForkServer(self._fork_server_socket)

    def _prepare(self) -> None:
        """The bucket, the schema, the first account and its key."""
        storage = Storage(self.settings)
        storage.ensure_bucket()
        storage.close()
        upgrade(self.settings)
        self.engine = make_engine(self.settings)
        self._account: FirstAccount = ensure_first_project(self.engine)
        self.key = self._ensure_key()

    def _ensure_key(self) -> str:
        """The key of last time if it is still good, else a new one; the commands on this machine find it."""
        path = self._folder.path / CLIENT_FILE
        try:
            key = str(json.loads(path.read_text())["key"])
        except (OSError, ValueError, KeyError, TypeError):
            key = ""
        if authenticate(self.engine, key, FarmClock(self.engine)()) is None:
            account = self._account
            key = create_key(self.engine, account.project_id, name="farm up", user_id=account.user_id).secret
        write_private(path, json.dumps({"url": self.url, "key": key}) + "\n")
        return key

    def _start_farm(self) -> None:
        programs = self._programs(self)
        self._notify(f"Starting {', '.join(program.name for program in programs)}.")
        for program in programs:
            if program.name not in self._processes.names():
                self._processes.start(program)
        names = [program.name for program in programs]
        self._wait_ready(names)
        if any(program.name.startswith("worker-") for program in programs):
            self._scaling = LocalScaling(self.engine, self._processes, self.pools, self._worker, self._notify)
            self._scaling.start()

    def _wait_ready(self, names: Sequence[str]) -> None:
        self._processes.wait_ready(names, on_ready=lambda name: self._notify(f"{name} is ready."))

    def _worker(self, pool: str, name: str) -> Program:
        return farm_processes.worker(self.environment, pool, name, self.engine, self.pid)

    def _take_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():  # Python knows no other way
            self._former_signals = {number: signal.signal(number, self._on_signal) for number in SIGNALS}

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stopping:
            self._processes.kill()
        else:
            raise KeyboardInterrupt


def _scaling_variable(pool: str) -> str:
    """The variable that overrides the pool's `scaling` in the catalog of every process of this farm."""
    return f"{CATALOG_OVERRIDE}POOLS__{re.sub('[^A-Z0-9]', '_', pool.upper())}__SCALING"


def reachable(host: str) -> str:
    """Where to reach a server on this machine that listens at `host`."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - we look, we do not bind
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
