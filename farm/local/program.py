"""A program to run and to keep running: what to start, when it is ready, how to stop it."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from farm.errors import FarmError


class StartFailed(FarmError):
    """A process of the farm did not start; its log says why."""

    type = "start-failed"
    title = "The farm did not start"


class Tier(IntEnum):
    """Who depends on whom: a tier is stopped before the ones below it."""

    SERVER = 0  # Valkey, S3, PostgreSQL
    FORK_SERVER = 1  # what it forked ends with it
    FARM = 2  # scheduler, workers, dashboard


def _yes() -> bool:
    return True


def _never(pid: int) -> bool:
    return False


@dataclass(frozen=True)
class Program:
    """One process of the stack.

    `command[0]` is an absolute path; `environment` is the whole one; `folder` is the working directory.
    `ready` is asked again and again, for `ready_seconds` at most; what it raises means no.
    `orphan_signal` comes from the kernel when the parent dies. `leftovers` are removed after the end:
    sockets that a server leaves behind when it is killed. `user`: only root can ask for another one.
    `meant_to_end` is asked, with its pid, when it has ended by itself with code 0: then it is not started again.
    `forked`: its command is `python -m MODULE …`, and the fork server may fork it where there is one; it then belongs
    to our user, and dies at once with us.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    ready: Callable[[], bool] = _yes
    ready_seconds: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    orphan_signal: signal.Signals = signal.SIGTERM
    tier: Tier = Tier.SERVER
    user: str | None = None
    leftovers: tuple[Path, ...] = field(default=())
    meant_to_end: Callable[[int], bool] = _never
    forked: bool = False


@dataclass(frozen=True)
class Server:
    """A server that the stack can start: its program, and the address under which the farm finds it.

    The address holds a password where the server has one.
    """

    program: Program
    url: str
