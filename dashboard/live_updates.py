"""Live pages: one pump for each process hears what changes and tells every open page of the right project.

The pump listens to Redis for steps and for changed jobs. Behind it a slow poll of SQL compares versions, so that
pages still move when Redis is away or a message was lost. A page starts from a snapshot, and what it is told after
that only ever goes forward: a version that it has already seen is not told again.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from queue import Empty, Full, Queue
from typing import cast

import structlog
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from dashboard import schemas
from dashboard.problems import TooManyStreams
from dashboard.reads import jobs
from farm.connections import Connections
from farm.database import read
from farm.errors import FarmError, NotFound
from farm.progress import JobChanged, Preview, StepProgress

log = structlog.get_logger(__name__)

#: Where an application keeps its pump.
PUMP = "latent_farm_pump"
#: Messages that may wait for one slow page; then it is told to start again from a snapshot.
QUEUE = 100
MAX_STREAMS = 800  # below the server's 1000 connections, so that the API always answers
#: A page without a job of its own hears of the project's newest jobs.
NEWEST = 100
#: So many pages are told at once; then requests have their turn, for so long. With fewer in a turn the pump would be
#: late on a farm of many workers: what 800 pages are told takes 15 pauses.
PAGES_AT_ONCE = 50
PAUSE_SECONDS = 0.001


@dataclass(frozen=True)
class Update:
    """One thing that pages are told: a changed job, a step of a render, or that there is a new preview of one."""

    job_id: str
    content: schemas.Job | schemas.LiveStep | schemas.LivePreview

    @cached_property
    def data(self) -> str:
        """Its JSON, made once for all pages."""
        return self.content.model_dump_json(by_alias=True)


class Subscription:
    """What one open page still has to be told. Made by :meth:`Pump.subscribe`."""

    def __init__(self, project_id: str, job_ids: frozenset[str]) -> None:
        self.project_id = project_id
        self.job_ids = job_ids
        self._seen: dict[str, int] = {}
        self._waiting: Queue[Update] = Queue(QUEUE)
        self._overflown = threading.Event()

    def saw(self, job_id: str, version: int) -> None:
        """The page knows this version, from its snapshot."""
        self._seen[job_id] = max(version, self._seen.get(job_id, -1))

    def lacks(self, job_id: str, version: int) -> bool:
        """Whether the page should be told of this version."""
        return self.concerns(job_id) and version > self._seen.get(job_id, -1)

    def concerns(self, job_id: str) -> bool:
        """Whether the page shows this job."""
        return not self.job_ids or job_id in self.job_ids

    def push(self, update: Update) -> None:
        """Queue it; when the page is too slow, drop all and have it start again."""
        if isinstance(update.content, schemas.Job):
            if not self.lacks(update.job_id, update.content.version):
                return
            self.saw(update.job_id, update.content.version)
        try:
            self._waiting.put_nowait(update)
        except Full:
            self._overflown.set()

    def next(self, timeout: float) -> Update | None:
        """The next thing to tell, or None after `timeout` seconds."""
        try:
            return self._waiting.get(timeout=timeout)
        except Empty:
            return None

    def is_up_to_date(self) -> bool:
        """Whether nothing waits to be told."""
        return self._waiting.empty()

    def start_again(self) -> bool:
        """Whether something was dropped since the last call; then the page needs a new snapshot."""
        if not self._overflown.is_set():
            return False
        while self.next(0.0) is not None:
            pass
        self._seen.clear()
        self._overflown.clear()
        return True


class Pump:
    """Hears what changes and tells the subscriptions. Its threads start with the first one."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._started = False

    @contextmanager
    def subscribe(self, project_id: str, job_ids: frozenset[str]) -> Iterator[Subscription]:
        """Be told of these jobs, or of all of the project when there are none. Raises TooManyStreams."""
        subscription = Subscription(project_id, job_ids)
        with self._lock:
            if len(self._subscriptions) >= MAX_STREAMS:
                raise TooManyStreams()
            self._subscriptions.add(subscription)
            if not self._started:
                self._started = True
                for work in (self._listen, self._poll):
                    threading.Thread(target=work, name=f"live{work.__name__}", daemon=True).start()
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Stop the threads; open pages get no more."""
        self._stop.set()

    def _listen(self) -> None:
        for message in self._connections.progress.listen(self._stop):
            if isinstance(message, JobChanged):
                self._push_job(message.project_id, message.job_id, message.version)
            elif isinstance(message, Preview):
                preview = schemas.LivePreview.model_validate(message, from_attributes=True)
                self._push(message.project_id, Update(message.job_id, preview))
            else:
                self._push(message.project_id, Update(message.job_id, as_told(message)))

    def _poll(self) -> None:
        while not self._stop.wait(self._connections.settings.idle_poll_seconds):
            try:
                for project_id, subscriptions in self._by_project().items():
                    self._compare(project_id, subscriptions)
            except (SQLAlchemyError, FarmError) as error:
                log.warning("live pages: the database could not be read", error=type(error).__name__)

    def _compare(self, project_id: str, subscriptions: list[Subscription]) -> None:
        watched = {job_id for subscription in subscriptions for job_id in subscription.job_ids}
        newest = NEWEST if any(not subscription.job_ids for subscription in subscriptions) else 0
        with read(self._connections.engine) as connection:
            versions = jobs.versions(connection, project_id, watched, newest)
        for job_id, version in versions.items():
            self._push_job(project_id, job_id, version)

    def _push_job(self, project_id: str, job_id: str, version: int) -> None:
        if not any(one.lacks(job_id, version) for one in self._by_project().get(project_id, [])):
            return
        try:
            with read(self._connections.engine) as connection:
                job = jobs.find_job(connection, project_id, job_id, currency=self._connections.settings.currency)
        except NotFound:
            return
        except SQLAlchemyError as error:  # the poll will find the same version again
            log.warning("live pages: a job could not be read", job_id=job_id, error=type(error).__name__)
            return
        self._push(project_id, Update(job_id, job))

    def _push(self, project_id: str, update: Update) -> None:
        concerned = [one for one in self._by_project().get(project_id, []) if one.concerns(update.job_id)]
        for first in range(0, len(concerned), PAGES_AT_ONCE):
            if first:
                time.sleep(PAUSE_SECONDS)
            for subscription in concerned[first : first + PAGES_AT_ONCE]:
                subscription.push(update)

    def _by_project(self) -> dict[str, list[Subscription]]:
        found: defaultdict[str, list[Subscription]] = defaultdict(list)
        with self._lock:
            for subscription in self._subscriptions:
                found[subscription.project_id].append(subscription)
        return found


def as_told(step: StepProgress) -> schemas.LiveStep:
    """A step without what is not a page's business."""
    return schemas.LiveStep.model_validate(step, from_attributes=True)


def pump() -> Pump:
    """The pump of the application that serves this request."""
    return cast(Pump, current_app.extensions[PUMP])
