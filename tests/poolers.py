"""pgbouncer in transaction mode before the tests' PostgreSQL: Debian's, and a newer one from `.ci/pgbouncer`."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.databases import PostgresServer

PORT = 6432  # only part of the socket's name
NEWER = Path(__file__).parents[1] / "build/pgbouncer"
#: Fewer than the farm's processes keep open, so that transactions of one connection meet different servers.
SERVERS = 4
_UNPRIVILEGED = "nobody"


@contextmanager
def pgbouncer(which: str, server: PostgresServer) -> Iterator[PostgresServer]:
    """A pooler before this server, addressed in the same way. `which` is 'debian' or 'newer'; skips without it."""
    with tempfile.TemporaryDirectory(prefix="pooler-") as name:
        home = Path(name)
        program = _program(which, home)
        (home / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={server.socket_dir} user=farm\n"
            f"[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {home}\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {SERVERS}\nmax_client_conn = 500\n"
            f"logfile = {home}/log\npidfile =\n"
        )
        run_as: dict[str, Any] = {"cwd": "/"}
        if os.geteuid() == 0:  # it refuses to run as root
            run_as |= {"user": _UNPRIVILEGED, "group": pwd.getpwnam(_UNPRIVILEGED).pw_gid, "extra_groups": []}
            shutil.chown(home, _UNPRIVILEGED)
        process = subprocess.Popen(
            [*program, home / "pgbouncer.ini"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as
        )
        try:
            pooled = PostgresServer(home, PORT)
            _wait_until_ready(pooled, process, home / "log")
            yield pooled
        finally:
            process.kill()
            process.wait(240)


def _program(which: str, home: Path) -> list[str | Path]:
    if which == "newer":
        if not (NEWER / "usr/sbin/pgbouncer").exists():
            pytest.skip("no newer pgbouncer here; .ci/pgbouncer fetches one from Debian's next release")
        # With the libraries of its own release, where every user can read them.
        root = shutil.copytree(NEWER, home / "newer", symlinks=True)
        libraries = root / "usr/lib/x86_64-linux-gnu"
        return [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries, root / "usr/sbin/pgbouncer"]
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("pgbouncer is not installed; Debian has it as a package of that name")
    return [found]


def _wait_until_ready(pooled: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            pooled.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    pytest.fail(f"pgbouncer did not start:\n{log.read_text() if log.exists() else ''}")
