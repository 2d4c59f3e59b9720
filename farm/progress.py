"""What moves too fast for SQL: the steps of running renders, and the notice that a job changed.

Every key in Redis that is not Celery's, its type, its life, who writes and who reads it:

| key                      | type    | life       | written by                    | read by                |
| ------------------------ | ------- | ---------- | ----------------------------- | ---------------------- |
| `farm:progress:<job id>` | hash    | 1 h after  | workers (`report`, `clear`)   | dashboard (`snapshot`) |
|                          |         | a write    |                               |                        |
| `farm:live`              | channel | a moment   | workers, and whoever changes  | dashboard (`listen`)   |
|                          |         |            | a job (`announce`)            |                        |
| `farm:preview:<render>`  | string  | 2 min      | workers (`show`)              | dashboard (`preview`)  |
| `farm:losses:<render>`   | string  | 1 h after  | workers (`show_losses`)       | dashboard (`losses`)   |
|                          |         | a write    |                               |                        |
| `farm:embedding:<hash>`  | string  | a setting  | engines (`keep_embeddings`)   | engines (same)         |
| `farm:lane:<lane>`       | counter | for ever   | whoever admits or cancels     | workers, between steps |
|                          |         |            | work (`announce`)             | (`lane_counter`)       |
| `farm:log:<worker id>`   | list    | 1 h after  | workers (`keep_log`)          | dashboard (`log_lines`) |
|                          |         | a line     |                               |                        |
| `farm:sign-in:…`         | list    | 5 min      | dashboard (sign-in)           | dashboard (throttling) |

All of it may be lost at any moment: a page is a snapshot from SQL, then deltas; workers poll SQL anyway.
"""

import base64
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import redis
import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from farm.redis_connection import LOST, Wire, connect

log = structlog.get_logger(__name__)

LIVE = "farm:live"
LIFE_SECONDS = 3600
#: A preview that no newer one has replaced for so long belongs to a render that does not run any more.
PREVIEW_SECONDS = 120
#: Of a worker's log so many lines are kept, so long after the last one.
LOG_LINES = 300
LOG_SECONDS = 3600
#: How long `listen` waits for a message before it looks at `stop` again.
LISTEN_SECONDS = 0.5


class StepProgress(BaseModel):
    """Where a running render is: `step` of `steps` in `phase` (:class:`farm.lifecycle.Phase`)."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["step"] = "step"
    job_id: str
    project_id: str
    render_id: str
    phase: str
    step: int
    steps: int


class Preview(BaseModel):
    """There is a new small picture of what a running render looks like before this step: see :meth:`preview`."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["preview"] = "preview"
    job_id: str
    project_id: str
    render_id: str
    step: int


class JobChanged(BaseModel):
    """A job has a new version in SQL; who shows it reads it again."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["job"] = "job"
    job_id: str
    project_id: str
    version: int


class LogLine(BaseModel):
    """A line of a worker's log, without secrets; `number` counts from 1 for each worker."""

    model_config = ConfigDict(frozen=True)
    number: int
    text: str


Live = StepProgress | Preview | JobChanged
_LOSSES = TypeAdapter(list[tuple[int, float]])
_MESSAGES = TypeAdapter(list[Annotated[Live, Field(discriminator="kind")]])


def _progress_key(job_id: str) -> str:
    return f"farm:progress:{job_id}"


def _preview_key(render_id: str) -> str:
    return f"farm:preview:{render_id}"


def _losses_key(render_id: str) -> str:
    return f"farm:losses:{render_id}"


def _log_key(worker_id: str) -> str:
    return f"farm:log:{worker_id}"


def _embedding_key(key: str) -> str:
    return f"farm:embedding:{key}"


def _lane_key(lane: str) -> str:
    return f"farm:lane:{lane}"


class ProgressBoard:
    """Progress in Redis. Without Redis, or while it is away, it shows nothing and raises nothing.

    What is written goes beside, in a thread, in order: nobody's render or request waits for Redis.
    """

    def __init__(self, redis_url: str | None, ca_file: Path | None = None) -> None:
        """`ca_file` holds the certificates that a `rediss://` server is checked by, instead of the system's."""
        self._url, self._ca_file = redis_url, str(ca_file) if ca_file else None
        self._wire = Wire(redis_url, "progress", self._ca_file)

    @property
    def reachable(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._wire.reachable

    def report(self, steps: Sequence[StepProgress]) -> None:
        """Write where these renders are, and tell who listens. At most two calls a second for a pass."""
        if not steps:
            return
        by_job: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for step in steps:
            by_job[step.job_id][step.render_id] = step.model_dump_json()

        def write(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipeline:
                for job_id, fields in by_job.items():
                    pipeline.hset(_progress_key(job_id), mapping=fields)  # type: ignore[arg-type]
                    pipeline.expire(_progress_key(job_id), LIFE_SECONDS)
                pipeline.publish(LIVE, _MESSAGES.dump_json(list(steps)).decode())
                pipeline.execute()

        self._wire.send_soon(object(), write, "report")

    def show(self, preview: Preview, picture: bytes) -> None:
        """Keep a small WebP of what a render looks like so far, and tell who listens that it is there."""

        def write(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipeline:
                # As text: this client reads everything it gets as UTF-8.
                pipeline.set(_preview_key(preview.render_id), base64.b64encode(picture), ex=PREVIEW_SECONDS)
                pipeline.publish(LIVE, _MESSAGES.dump_json([preview]).decode())
                pipeline.execute()

        self._wire.send_soon(("preview", preview.render_id), write, "show")

    def preview(self, render_id: str) -> bytes | None:
        """The newest small WebP of a running render; None when there is none, or nobody can be asked."""
        text = self._wire.ask(lambda client: client.get(_preview_key(render_id)), None, "preview")
        return None if text is None else base64.b64decode(text)

    def show_losses(self, render_id: str, losses: Sequence[tuple[int, float]]) -> None:
        """Keep how the losses of a training go, (step, loss) at a bounded number of places."""
        text = _LOSSES.dump_json(list(losses)).decode()
        key = _losses_key(render_id)
        self._wire.send_soon(
            ("losses", render_id), lambda client: client.set(key, text, ex=LIFE_SECONDS), "show_losses"
        )

    def losses(self, render_id: str) -> list[tuple[int, float]]:
        """The losses of a running training so far; empty when there are none, or nobody can be asked."""
        text = self._wire.ask(lambda client: client.get(_losses_key(render_id)), None, "losses")
        try:
            return [] if text is None else _LOSSES.validate_json(text)
        except ValidationError:
            log.warning("unreadable losses", render_id=render_id)
            return []

    def clear(self, job_id: str, render_ids: Iterable[str]) -> None:
        """Forget renders that do not run any more."""
        fields = list(render_ids)

        def forget(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipeline:
                pipeline.hdel(_progress_key(job_id), *fields)
                pipeline.delete(*map(_preview_key, fields), *map(_losses_key, fields))
                pipeline.execute()

        if fields:
            self._wire.send_soon(object(), forget, "clear")

    def snapshot(self, job_id: str) -> dict[str, StepProgress]:
        """Where the running renders of a job are, by render id; empty when nobody can be asked."""
        nothing: dict[str | bytes, str | bytes] = {}
        rows = self._wire.ask(lambda client: client.hgetall(_progress_key(job_id)), nothing, "snapshot")
        found: dict[str, StepProgress] = {}
        for render_id, text in rows.items():
            try:
                found[str(render_id)] = StepProgress.model_validate_json(text)
            except ValidationError:
                log.warning("unreadable progress", job_id=job_id, render_id=render_id)
        return found

    def announce(self, *changes: JobChanged, lanes: Sequence[str] = ()) -> None:
        """Tell who listens that jobs have new versions, and the busy workers of these lanes that something changed for
        them: in one message. Call it only after the commit.
        """
        if not (changes or lanes):
            return
        message = _MESSAGES.dump_json(list(changes)).decode()

        def tell(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipeline:
                for lane in lanes:
                    # After a wipe it starts anywhere: from 0 it could come to a number that a worker saw before.
                    pipeline.set(_lane_key(lane), secrets.randbits(48), nx=True)
                    pipeline.incr(_lane_key(lane))
                if changes:
                    pipeline.publish(LIVE, message)
                pipeline.execute()

        self._wire.send_soon(("changed", *lanes, *(change.job_id for change in changes)), tell, "announce")

    def listen(self, stop: threading.Event) -> Iterator[Live]:
        """What is reported and announced from now on, until `stop` is set; ends at once without Redis.

        It reconnects by itself; what is told while it is not connected is missed.
        """
        while self._url and not stop.is_set():
            client = connect(self._url, self._ca_file)
            try:
                yield from self._receive(client, stop)
            except LOST as error:
                self._wire.failed(error, "listen")
                stop.wait(1.0)
            finally:
                client.close()

    def _receive(self, client: redis.Redis, stop: threading.Event) -> Iterator[Live]:
        with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(LIVE)
            self._wire.worked("listen")
            while not stop.is_set():
                message = channel.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    continue
                try:
                    yield from _MESSAGES.validate_json(message["data"])
                except ValidationError:
                    log.warning("unreadable message", channel=LIVE)

    def keep_embeddings(self, key: str, data: bytes, seconds: int) -> None:
        """Leave the embeddings of a prompt for other engines, for so long."""
        text = base64.b64encode(data)
        self._wire.ask(lambda client: client.set(_embedding_key(key), text, ex=seconds), None, "keep_embeddings")

    def embeddings(self, key: str) -> bytes | None:
        """What an engine left under that key; None when nobody did, or nobody can be asked."""
        text = self._wire.ask(lambda client: client.get(_embedding_key(key)), None, "embeddings")
        return base64.b64decode(text) if text else None

    def keep_log(self, worker_id: str, take: Callable[[], Sequence[LogLine]]) -> None:
        """Leave lines of a worker's log for who looks; `take` gives them when it is this message's turn."""

        def write(client: redis.Redis) -> None:
            if lines := [line.model_dump_json() for line in take()]:
                with client.pipeline(transaction=True) as pipeline:
                    pipeline.rpush(_log_key(worker_id), *lines)
                    pipeline.ltrim(_log_key(worker_id), -LOG_LINES, -1)
                    pipeline.expire(_log_key(worker_id), LOG_SECONDS)
                    pipeline.execute()

        self._wire.send_soon(("log", worker_id), write, "keep_log")

    def log_lines(self, worker_id: str, after: int = 0) -> list[LogLine]:
        """The newest lines of a worker's log behind the one with the number `after`; none when nobody can be asked."""
        nothing: list[str | bytes] = []
        texts = self._wire.ask(lambda client: client.lrange(_log_key(worker_id), 0, -1), nothing, "log_lines")
        found = []
        for text in texts:
            try:
                line = LogLine.model_validate_json(text)
            except ValidationError:
                continue
            if line.number > after:
                found.append(line)
        return found

    def lane_counter(self, lane: str) -> int | None:
        """Differs from the number seen before when the lane changed; None when nobody can be asked."""
        value = self._wire.ask(lambda client: client.get(_lane_key(lane)) or "0", None, "lane_counter")
        return None if value is None else int(value)

    def flush(self) -> bool:
        """Wait until what was told has arrived; False when it does not."""
        return self._wire.flush()

    def close(self) -> None:
        """Send what waits and close the connections; listeners end by their own `stop`."""
        self._wire.close()
