"""The live stream of a farm: server-sent events, read as they come, reopened when they break off."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import httpx
from pydantic import AliasChoices, Field, ValidationError

from farm.client.connection.transport import Transport, api_path
from farm.client.replies import Reply

#: Seconds without a byte after which a stream counts as broken; a farm says something every ten or so.
QUIET_SECONDS = 30.0
#: Seconds between the end of a stream and its reopening.
PAUSE_SECONDS = 0.5
_MOST_JOBS = 100  # that a farm lets one stream name; above that it tells of all


class StepProgress(Reply):
    """A render came to a step."""

    job_id: str
    render_id: str
    phase: str
    step: int
    steps: int


class NewPreview(Reply):
    """A running render has a new small picture of how it looks so far: `FarmClient.preview`."""

    job_id: str
    render_id: str
    step: int


class JobChanged(Reply):
    """A job has a new version: read it again."""

    job_id: str = Field(validation_alias=AliasChoices("job_id", "id"))
    version: int


@dataclass(frozen=True)
class Beat:
    """The stream was opened, or is still alive, and has nothing to tell.

    Steps of while it was closed were missed: whoever must not miss anything reads again at a beat.
    """


LiveEvent = StepProgress | NewPreview | JobChanged | Beat


class _Snapshot(Reply):
    """How things are: the first word of a stream, and again when it had to drop some."""

    progress: list[StepProgress] = Field(default_factory=list)
    jobs: list[JobChanged] = Field(default_factory=list)


def live_events(
    transport: Transport,
    job_ids: Sequence[str],
    *,
    quiet: float,
    retry_seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[LiveEvent, None, None]:
    """What happens to these jobs (none given: to the newest of the project), for ever.

    A first Beat comes as soon as the stream is open, and one after each reopening, which names the last id that
    came: the farm tells then what has ended meanwhile, a JobChanged each. Raises FarmUnreachable after
    `retry_seconds` seconds of trying to open it.
    """
    params = {"job": list(job_ids)} if len(job_ids) <= _MOST_JOBS else {}
    last_id = ""
    while True:
        goes_on = bool(last_id)
        headers = {"Last-Event-ID": last_id} if goes_on else {}
        with transport.stream(
            api_path("live"), params, headers=headers, quiet=quiet, retry_seconds=retry_seconds
        ) as response:
            yield Beat()
            try:
                for message in read_messages(response.iter_bytes()):
                    last_id = message.id or last_id
                    yield from _understood(message, goes_on)
            except httpx.TransportError:
                pass  # broken off, or silent for too long: reopened below
        sleep(PAUSE_SECONDS)


@dataclass(frozen=True)
class Message:
    """One server-sent event as it was written; without data it is a comment."""

    event: str
    data: str
    id: str = ""


def read_messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Server-sent events from the bytes of a stream (WHATWG HTML §9.2.6); comments as messages without data."""
    fields: dict[str, list[str]] = {}
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        if line and name:
            fields.setdefault(name, []).append(value.removeprefix(" "))
        elif line:
            yield Message("", "")
        else:
            if "data" in fields:
                event, data = fields.get("event", ["message"])[-1], "\n".join(fields["data"])
                yield Message(event, data, _header_value(fields.get("id", [""])[-1]))
            fields = {}


def _header_value(text: str) -> str:
    """An id that can be sent back; none for what no farm sends."""
    return text if text.isascii() and text.isprintable() else ""


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


def _understood(message: Message, goes_on: bool) -> Iterator[LiveEvent]:
    """The typed events; kinds that this client does not know count as a sign of life.

    `goes_on`: the stream goes on where another one broke off, so that its snapshot is news.
    """
    try:
        match message.event:
            case "step":
                yield StepProgress.model_validate_json(message.data)
            case "preview":
                yield NewPreview.model_validate_json(message.data)
            case "job":
                yield JobChanged.model_validate_json(message.data)
            case "snapshot":
                yield Beat()
                snapshot = _Snapshot.model_validate_json(message.data)
                if goes_on:
                    yield from snapshot.jobs
                yield from snapshot.progress
            case _:
                yield Beat()
    except ValidationError:
        yield Beat()
