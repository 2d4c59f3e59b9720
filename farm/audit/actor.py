"""Who acts now: the person or key of a request, or else whoever runs this process.

It is kept beside the call, not in it: a deed is done deep below the request that asks for it, by functions that
commands use as well.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Via(StrEnum):
    """By which way somebody acts."""

    DASHBOARD = "dashboard"
    API = "api"
    COMMAND = "command"  # `farm …` on the database, without a key


@dataclass(frozen=True)
class Actor:
    """Who acts. `name`: only where no user and no key says it, as for a command."""

    via: Via
    name: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    address: str | None = None  # of the network
    request_id: str | None = None


_ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


def act_as(actor: Actor | None) -> None:
    """From now on, in this request, all that is done is done by `actor` (None: by whoever runs this process)."""
    _ACTOR.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Within this block all that is done is done by `actor`."""
    before = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(before)


def current_actor() -> Actor:
    """Who acts now. Without a request it is the user of the operating system, whatever the environment says."""
    return _ACTOR.get() or Actor(Via.COMMAND, name=_system_user())


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in containers
        return f"uid {os.getuid()}"
