"""The client of a farm: every call of the HTTP API as a method, with typed answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from farm.client.connection.address import find_address
from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.errors import FarmProblem
from farm.client.files.downloads import Downloads
from farm.client.live import QUIET_SECONDS, LiveEvent, live_events
from farm.client.replies import FileProgress, Job, Quote, Render
from farm.client.requests.deprecated import renamed_keyword
from farm.client.requests.request_body import by_alias, request_body
from farm.client.requests.streaming import key_of, submit_file
from farm.client.resources.accounts import Accounts
from farm.client.resources.controls import Controls
from farm.client.resources.dead_letters import DeadLetters
from farm.client.resources.drafts import Drafts
from farm.client.resources.fleet import Fleet
from farm.client.resources.gallery import Gallery
from farm.client.resources.jobs import Jobs
from farm.client.resources.presets import Presets
from farm.client.resources.scores import Scores
from farm.client.resources.share_links import ShareLinks
from farm.client.resources.trainings import Trainings
from farm.client.resources.verifications import Verifications
from farm.client.resources.wait_reasons import WaitReasons
from farm.client.resources.webhooks import Webhooks
from farm.client.results import completed_renders, only_render
from farm.client.short_ids import ShortIds
from farm.client.waiting import JobProgress, wait_for_jobs
from farm.clock import Clock, steady_clock

if TYPE_CHECKING:
    from PIL.Image import Image

    from farm.params.request.job_fields import JobFields

_CONFLICT = 409  # HTTP: the thing is not in a state for this


class FarmClient(
    Accounts,
    Controls,
    DeadLetters,
    Downloads,
    Drafts,
    Fleet,
    Gallery,
    Jobs,
    Presets,
    Scores,
    ShareLinks,
    ShortIds,
    Trainings,
    Verifications,
    WaitReasons,
    Webhooks,
):
    """A farm, over HTTP. Use it in a `with` statement, or close it.

        with FarmClient("http://127.0.0.1:8420", "lf_…") as farm:
            job = farm.submit("wan-demo", ["a red circle moving right", "向左移动的蓝色星形"])

    Without arguments it takes FARM_URL and FARM_KEY, or else the farm that `farm up` runs here. `timeout` is
    how many seconds one answer may take, `retry_seconds` for how many seconds a call that fails is tried again.
    All methods raise FarmProblem when the farm refuses, and FarmUnreachable when it does not answer.
    """

    @renamed_keyword("patience", "retry_seconds")
    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retry_seconds: float = 30.0,
        clock: Clock = steady_clock,
    ) -> None:
        address = find_address(url, key)
        self.url = address.url
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._transport = Transport(address, timeout=timeout, retry_seconds=retry_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def time(self) -> float:
        """The farm's time, seconds since 1970, as its last answer told: this machine's clock may be off."""
        return self._transport.time()

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def submit(
        self,
        model: str,
        prompt: str | Sequence[str],
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[JobFields],
    ) -> Job:
        """Submit one job: every prompt with every seed. What is left out, the model's defaults say.

        Any parameter may be a list: every combination is rendered. `width` and `height` are pixels; `seed_count`
        asks for that many seeds drawn by the farm; `class_name` is urgent, normal or bulk. All keywords are fields of
        the request (`farm.params.request.job_request`). The job's `notices` say what the farm wants known.

        However often the network breaks off, there is one job: the call sends the same Idempotency-Key each
        time. Give your own to be as safe over several calls.
        """
        key = idempotency_key or str(uuid.uuid4())
        told = self._transport.submit(api_path("jobs"), request_body(model, prompt, fields), key)
        job = told.get("job") if isinstance(told, dict) else None
        notices = told.get("notices") if isinstance(told, dict) else None
        return read_reply(Job, {**job, "notices": notices or []} if isinstance(job, dict) else told)

    def quote(self, model: str, prompt: str | Sequence[str], **fields: Unpack[JobFields]) -> Quote:
        """What a job would be, cost and take, with the fields of :meth:`submit`; nothing is accepted."""
        request = request_body(model, prompt, fields) | {"dry_run": True}
        return read_reply(Quote, self._transport.post(api_path("jobs"), request, repeatable=True))

    def submit_file(
        self,
        model: str,
        path: str | Path,
        *,
        prompt: str | Sequence[str] | None = None,
        idempotency_key: str | None = None,
        on_progress: Callable[[FileProgress], None] | None = None,
        **fields: Unpack[JobFields],
    ) -> Job:
        """Submit a job of up to a million renders from a file: a row for each, JSONL or CSV by its suffix.

        `prompt` and `fields` are what all rows share, such as width; a row goes before them. The file is sent part by
        part. Whatever breaks off, call it again: without an `idempotency_key` the same file goes on where it
        stopped, with one also a file that was corrected after the rows that are in. `on_progress` is called
        after each part.
        """
        shared = {"model": model} | by_alias(fields)
        given = shared if prompt is None else shared | {"prompt": prompt}
        source = Path(path)
        key = idempotency_key or key_of(source, given)
        return submit_file(self._transport, source, given, key=key, on_progress=on_progress)

    def continue_file(
        self, job_id: str, path: str | Path, *, on_progress: Callable[[FileProgress], None] | None = None
    ) -> Job:
        """Go on with a job of :meth:`submit_file` whose file broke off or had a row that was refused.

        The file must begin with the bytes that are in; from the refused row on it may be another.
        """
        return submit_file(self._transport, Path(path), {"job": job_id}, key=None, on_progress=on_progress)

    def cancel(self, job_id: str) -> Job:
        """Cancel what has not ended of a job; what is done stays. A job that has ended before stays as it is."""
        try:
            return self._job_of(self._transport.control(api_path("jobs", job_id, "cancel")))
        except FarmProblem as problem:
            # Also what a second try hears when the answer to the first one was lost.
            if problem.status == _CONFLICT and (job := self.job(job_id)).ended:
                return job
            raise

    def cancel_render(self, render_id: str) -> Render:
        """Cancel one render; its neighbours go on. One that has ended before stays as it is."""
        try:
            told = self._transport.post(api_path("renders", render_id, "cancel"), repeatable=True)
            return read_reply(Render, told)
        except FarmProblem as problem:
            if problem.status == _CONFLICT and (render := self.find_render(render_id)).ended:
                return render
            raise

    def retry(self, render_id: str) -> Render:
        """Let a failed render be tried anew."""
        return read_reply(Render, self._transport.post(api_path("renders", render_id, "retry"), repeatable=False))

    @renamed_keyword("patience", "retry_seconds")
    def live(
        self, *job_ids: str, quiet: float = QUIET_SECONDS, retry_seconds: float = 300.0
    ) -> Generator[LiveEvent, None, None]:
        """What happens to these jobs (none given: to the newest of the project), as it happens.

        It yields StepProgress, NewPreview, JobChanged, and Beat when there is nothing to tell. It never ends by itself,
        and reopens a broken stream for up to `retry_seconds` seconds at a time. Then comes a Beat, and a JobChanged
        for each job that has ended meanwhile (100 at most); steps of meanwhile were missed. `quiet`: seconds of
        silence that count as broken.
        """
        return live_events(self._transport, job_ids, quiet=quiet, retry_seconds=retry_seconds)

    def wait(
        self,
        job_id: str,
        on_progress: Callable[[JobProgress], None] | None = None,
        timeout: float | None = None,
    ) -> Job:
        """The job once it has ended, well or not: see its `status`.

        `on_progress` is called whenever there is news, first with the job as it was found. Raises WaitTimeout
        after `timeout` seconds, seen at the next sign of life of the farm (ten seconds later at most).
        """
        return self.wait_all([job_id], on_progress, timeout)[0]

    def wait_all(
        self,
        job_ids: Sequence[str],
        on_progress: Callable[[JobProgress], None] | None = None,
        timeout: float | None = None,
    ) -> list[Job]:
        """The jobs once all of them have ended; like `wait`, over one stream for all."""
        quiet = QUIET_SECONDS if timeout is None else max(0.1, min(QUIET_SECONDS, timeout))
        return wait_for_jobs(
            job_ids,
            self.job,
            self.live(*job_ids, quiet=quiet),
            on_progress=on_progress,
            deadline=None if timeout is None else self._clock() + timeout,
            clock=self._clock,
        )

    def as_completed(self, job_id: str) -> Generator[Render, None, None]:
        """The renders of a job, each when it has ended, well or not, in the order in which they end."""
        return completed_renders(self.live(job_id), lambda: self.job(job_id), lambda: self.renders(job_id))

    def render(self, model: str, prompt: str, **fields: Unpack[JobFields]) -> Image:
        """Submit one render, wait for it, and give its picture; of a clip the poster. A notebook shows it inline.

        `fields` are those of :meth:`submit`. Raises NotRendered with the reason when there is none.
        """
        job = self.wait(self.submit(model, prompt, **fields).id)
        return self.picture_of(only_render(self.renders(job.id)).id)

    def _job_of(self, told: Any) -> Job:
        """Answers hold a job bare, or as {"job": …} beside what else is to be said."""
        return read_reply(Job, told["job"] if isinstance(told, dict) and "job" in told else told)
