"""The live stream of a farm: server-sent events, read as they come, reopened when they break off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import httpx
from pydantic import AliasChoices, Field, ValidationError

from farm.client.replies import Reply
from farm.client.transport import Transport, api_path

#: Seconds without a byte after which a stream counts as broken; a farm says something every ten or so.
QUIET_SECONDS = 30.0
#: Seconds between the end of a stream and its reopening.
PAUSE_SECONDS = 0.5


class StepProgress(Reply):
    """A render came to a step."""

    job_id: str
    render_id: str
    phase: str
    step: int
    steps: int


class JobChanged(Reply):
    """A job has a new version: read it again."""

    job_id: str = Field(validation_alias=AliasChoices("job_id", "id"))
    version: int


@dataclass(frozen=True)
class Beat:
    """The stream was opened, or is still alive, and has nothing to tell.

    What happened while it was closed was missed: whoever must not miss anything reads again at a beat.
    """


LiveEvent = StepProgress | JobChanged | Beat
_KINDS: dict[str, type[StepProgress] | type[JobChanged]] = {"step": StepProgress, "job": JobChanged}


def live_events(
    transport: Transport,
    job_ids: Sequence[str],
    *,
    quiet: float,
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[LiveEvent, None, None]:
    """What happens to these jobs (none given: to the newest of the project), for ever.

    A first Beat comes as soon as the stream is open, and one after each reopening. Raises FarmUnreachable
    after `patience` seconds of trying to open it.
    """
    last_id = ""
    while True:
        params = {"job": list(job_ids)}
        with transport.stream(
            api_path("live"), params, quiet=quiet, patience=patience, last_id=last_id
        ) as response:
            yield Beat()
            try:
                for message in read_messages(response.iter_bytes()):
                    last_id = message.id or last_id
                    yield _understood(message)
            except httpx.TransportError:
                pass  # broken off, or silent for too long: reopened below
        sleep(PAUSE_SECONDS)


@dataclass(frozen=True)
class Message:
    """One server-sent event as it was written; without data it is a comment."""

    event: str
    data: str
    id: str


def read_messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Server-sent events from the bytes of a stream (WHATWG HTML §9.2.6).

    Comments come as messages without data.
    """
    fields: dict[str, list[str]] = {}
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        if line and name:
            fields.setdefault(name, []).append(value.removeprefix(" "))
        elif line:
            yield Message("", "", "")
        elif fields:
            yield Message(
                fields.get("event", ["message"])[-1],
                "\n".join(fields.get("data", [])),
                fields.get("id", [""])[-1],
            )
            fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines end with LF, CR LF or CR, and with nothing else: JSON may hold U+2028."""
    rest = b""
    for chunk in chunks:
        # A CR at the end of a chunk may be half of CR LF: it waits for the next one.
        whole = (rest + chunk).replace(b"\r\n", b"\n")
        held = b"\r" if whole.endswith(b"\r") else b""
        *lines, rest = whole.removesuffix(held).replace(b"\r", b"\n").split(b"\n")
        rest += held
        for line in lines:
            yield line.decode("utf-8", "replace")


def _understood(message: Message) -> LiveEvent:
    """The typed event; kinds that this client does not know count as a sign of life."""
    kind = _KINDS.get(message.event)
    if kind is None or not message.data:
        return Beat()
    try:
        return kind.model_validate(json.loads(message.data))
    except (ValueError, ValidationError):
        return Beat()
