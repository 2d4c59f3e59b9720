"""The renders of a job as a list: those in one state, one page of them, each page with a number of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request
from sqlalchemy import Connection

from dashboard import schemas
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import read_after_render
from dashboard.reads.renders import EVERY_RENDER, RenderFilter, list_renders
from dashboard.web.artifacts import address
from dashboard.web.farm.failures import Failure, explain
from farm.errors import Fault, InvalidRequest
from farm.lifecycle import RenderStatus
from farm.sentences import sentence

PAGE = 60
#: What one may filter by, as the page calls it.
FILTERS: dict[str, tuple[RenderStatus, ...]] = {
    "all": (),
    "done": (RenderStatus.DONE,),
    "failed": (RenderStatus.FAILED,),
    "running": (RenderStatus.RUNNING,),
    "waiting": (RenderStatus.PENDING, RenderStatus.HELD, RenderStatus.DRAFTED),
    "cancelled": (RenderStatus.CANCELLED,),
    "expired": (RenderStatus.EXPIRED,),
}


@dataclass(frozen=True)
class JobList:
    """One page of a job's renders, and how many pages there are."""

    show: str  # one of FILTERS
    page: int  # counted from 1
    pages: int
    renders: list[schemas.Render]
    failures: Mapping[str, Failure]  # why renders of this page failed, by id

    @property
    def first_index(self) -> int:
        """The place in the job before which this page begins, where all of it is shown."""
        return (self.page - 1) * PAGE - 1


def read_list(connection: Connection, job: schemas.Job) -> JobList:
    """The page that the request's address asks for, in four statements at most. Raises InvalidRequest."""
    counts = counts_of(job)
    show = request.args.get("status", "all")
    if show not in FILTERS:
        told = sentence("%(name)s is no state; they are %(known)s", name=repr(show[:40]), known=", ".join(FILTERS))
        raise InvalidRequest([Fault("/query/status", told)])
    pages = max(1, -(-counts.get(show, 0) // PAGE))
    page = min(_page_number(), pages)
    renders, _ = list_renders(
        connection,
        principal().project_id,
        job.id,
        after=(page - 1) * PAGE - 1 if show == "all" else -1,
        limit=PAGE,
        progress=farm().progress.snapshot(job.id) if job.running else {},
        address_of=address,
        chosen=EVERY_RENDER if show == "all" else RenderFilter(statuses=FILTERS[show]),
        skip=None if show == "all" else (page - 1) * PAGE,
    )
    return JobList(show, page, pages, renders, explain(connection, principal().project_id, renders))


def counts_of(job: schemas.Job) -> dict[str, int]:
    """How many renders are in each of FILTERS, without those that are empty."""
    found = {
        "all": job.total,
        "done": job.done,
        "failed": job.failed,
        "running": job.running,
        "waiting": job.pending,
        "cancelled": job.cancelled,
        "expired": job.expired,
    }
    return {name: count for name, count in found.items() if count or name == "all"}


def _page_number() -> int:
    """Of `page`, counted from 1, or of the cursor that older addresses have."""
    text = request.args.get("page", "")
    if not text:
        return (read_after_render(request.args.get("cursor")) + 1) // PAGE + 1
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        told = sentence("must be a whole number from 1 on; seen %(seen)s", seen=repr(text[:40]))
        raise InvalidRequest([Fault("/query/page", told)])
    return int(text)
