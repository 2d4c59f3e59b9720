"""Ids as people type them: whole, by their beginning or end, `last`, or a render's place in its job."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from farm.client.connection.transport import Transport, api_path
from farm.client.errors import AmbiguousId
from farm.client.lists import pages
from farm.client.replies import Job, Render
from farm.errors import Fault, NotFound
from farm.ids import is_id

#: The newest job of the project that is no verification.
LAST = "last"
#: What may be a part of an id. Ids of one minute begin alike, so that an end tells them apart sooner.
_PART = re.compile(r"[0-9a-f-]{4,35}", re.IGNORECASE)
#: Of a render in its job.
_PLACE = re.compile(r"[0-9]{1,9}")
#: So many of the newest are looked at for a part of an id.
NEWEST_JOBS, NEWEST_RENDERS, _JOBS_OF_RENDERS = 1000, 2000, 20
_MOST_LISTED = 10


class ShortIds:
    """Finds the whole id of what somebody typed. What cannot be a part of an id is left for the farm to refuse."""

    _transport: Transport

    def find_job_id(self, typed: str, *, deleted: bool = False) -> str:
        """The id of the job; `deleted`: of one that was deleted. Raises NotFound, and AmbiguousId with all of them."""
        if typed == LAST:
            return self._newest_job(deleted).id
        job, slash, place = typed.rpartition("/")
        if slash and _PLACE.fullmatch(place):
            raise NotFound(f"{typed!r} is a render, by its place in its job, and a job is meant; say {job!r}.")
        newest = partial(self._newest_jobs, NEWEST_JOBS, deleted, verifications=True)
        return find_whole_id(typed, "job", lambda: map(_words, newest()))

    def find_render_id(self, typed: str) -> str:
        """The id of the render; 'JOB/3' is a render by its place in a job, 'last' the only one of the newest job.

        Raises NotFound, and AmbiguousId with all that it may be.
        """
        job, slash, place = typed.rpartition("/")
        if slash and _PLACE.fullmatch(place):
            return self._render_at(self.find_job_id(job), int(place))
        if typed == LAST:
            renders = islice(self._renders(self._newest_job().id), _MOST_LISTED + 1)
            return only_id(typed, [(render.id, f"last/{render.index}") for render in renders], "render")
        return find_whole_id(typed, "render", lambda: map(_words, self._newest_renders()))

    def find_any_id(self, typed: str) -> str:
        """The id of the job or, where no job has such an id, of the render. Raises NotFound, AmbiguousId."""
        if "/" in typed:
            return self.find_render_id(typed)
        try:
            return self.find_job_id(typed)
        except NotFound:
            if typed == LAST:
                raise
            return self.find_render_id(typed)

    def _newest_jobs(self, limit: int, deleted: bool = False, *, verifications: bool = False) -> Iterator[Job]:
        chosen = {"deleted": True if deleted else None, "verifications": "with" if verifications else None}
        return pages(self._transport, Job, api_path("jobs"), chosen, limit)

    def _newest_job(self, deleted: bool = False) -> Job:
        newest = next(self._newest_jobs(1, deleted), None)
        if newest is None:
            raise NotFound(f"The project has no {'deleted job' if deleted else 'job yet'}: there is no last one.")
        return newest

    def _renders(self, job_id: str, limit: int | None = None) -> Iterator[Render]:
        return pages(self._transport, Render, api_path("jobs", job_id, "renders"), limit=limit)

    def _newest_renders(self) -> Iterator[Render]:
        jobs = self._newest_jobs(_JOBS_OF_RENDERS, verifications=True)
        return islice((render for job in jobs for render in self._renders(job.id)), NEWEST_RENDERS)

    def _render_at(self, job_id: str, place: int) -> str:
        for render in self._renders(job_id, limit=place + 1):
            if render.index == place:
                return render.id
        raise NotFound(f"The job {job_id} has no render number {place}; they are counted from 0.")


def find_whole_id(typed: str, noun: str, newest: Callable[[], Iterable[tuple[str, str]]]) -> str:
    """The one id that begins or ends so, among the `newest`, each with what people know it by; a whole id as it is.

    Raises NotFound, and AmbiguousId with all that it may be.
    """
    if is_id(typed) or not _PART.fullmatch(typed):
        return typed
    part = typed.lower()
    found = [(one, words) for one, words in newest() if one.startswith(part) or one.endswith(part)]
    return only_id(typed, found, noun)


def _words(one: Job | Render) -> tuple[str, str]:
    words = f"{one.model}, {one.status}: {one.title}" if isinstance(one, Job) else f"{one.job_id}/{one.index}"
    return one.id, words


def only_id(typed: str, matches: list[tuple[str, str]], noun: str) -> str:
    """The id that is the only one of these, each with what people know it by. Raises NotFound, AmbiguousId."""
    if not matches:
        raise NotFound(f"No {noun} lately has an id that begins or ends with {typed!r}; give the whole id.")
    if len(matches) > 1:
        listed = [Fault(found, words) for found, words in matches[:_MOST_LISTED]]
        more = [Fault("", "and more")] if len(matches) > _MOST_LISTED else []
        raise AmbiguousId(f"{typed!r} may be one of several {noun}s; give more of the id:", [*listed, *more])
    return matches[0][0]
