"""Waiting for a job in the request that submitted it; who hangs up meanwhile gets nothing, and nothing more is made."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import structlog
from flask import request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ClientDisconnected

from dashboard.context import farm
from dashboard.live_updates import pump
from dashboard.openai_errors import NotInTime, NotRendered
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job, LivePreview
from farm.database import read, trouble
from farm.errors import Conflict, NotFound
from farm.lifecycle import JOB_ENDED
from scheduler.control.cancel import cancel_job

log = structlog.get_logger(__name__)

#: OpenAI's package gives up after 600 s and sends all again: it is told before.
WAIT_SECONDS = 570.0
_ELSEWHERE = "submit what takes long by POST /api/v1/jobs and come back for it"
#: How often it is looked whether the caller is still there.
_LOOK_SECONDS = 2.0


def wait(project_id: str, job_id: str, *, alone: bool) -> Job:
    """The job when it has ended. `alone`: nobody else waits for it, so that it is cancelled when this one gives up.

    Raises NotInTime, ClientDisconnected.
    """
    ended = None
    try:
        for told in follow(project_id, job_id):
            if isinstance(told, Job):
                ended = told
            elif _is_gone():
                raise ClientDisconnected
    finally:
        if ended is None and alone:
            give_up(project_id, job_id)
    if ended is None:
        raise NotInTime(f"Job {job_id} was not done in {WAIT_SECONDS:.0f} s; {_ELSEWHERE}.")
    return ended


def follow(project_id: str, job_id: str) -> Iterator[Job | LivePreview | None]:
    """Previews of a job as they come, now and then nothing, and at last the job, once it has ended.

    Ends without it after `WAIT_SECONDS`. Raises TooManyStreams.
    """
    ends = time.monotonic() + WAIT_SECONDS
    # Subscribed before the job is read, so that nothing falls between the two.
    with pump().subscribe(project_id, frozenset({job_id})) as subscription:
        job = _read(project_id, job_id)
        subscription.saw(job.id, job.version)
        while job.status not in JOB_ENDED:
            if time.monotonic() >= ends:
                return
            told = subscription.next(_LOOK_SECONDS)
            if subscription.start_again():
                job = _read(project_id, job_id)
            elif told is None:
                yield None
            elif isinstance(told.content, Job):
                job = told.content
            elif isinstance(told.content, LivePreview):
                yield told.content
    yield job


def check_rendered(job: Job, reason: str | None) -> None:
    """Raises NotRendered unless something of the job is done."""
    if not job.done:
        raise NotRendered(f"Job {job.id} ended as {job.status}: {reason or 'nobody said why'}.")


def give_up(project_id: str, job_id: str) -> None:
    """Cancel a job for which nobody waits any more."""
    try:
        with suppress(Conflict, NotFound):
            cancel_job(farm(), job_id, project_id)
            log.info("cancelled: nobody waits for it any more", job_id=job_id)
    except SQLAlchemyError as error:  # what is said already is more than this
        log.warning("nobody waits for it any more, and it was not cancelled", job_id=job_id, reason=trouble(error))


def _read(project_id: str, job_id: str) -> Job:
    with read(farm().engine) as connection:
        return find_job(connection, project_id, job_id)


def _is_gone() -> bool:
    """Whether the caller has closed the connection; False where the server does not show it."""
    line = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    if line is None:
        return False
    try:
        readable, _, _ = select.select([line], [], [], 0)
        return bool(readable) and line.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
