"""One job on the farm: submitted, followed, cancelled with ComfyUI's own button, fetched."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import comfy.model_management
import comfy.utils
from PIL import Image

from farm.client import FarmClient, FarmProblem, Job, JobProgress, NotRendered, Render
from farm.errors import FarmError

_log = logging.getLogger("latent-farm")
#: How often ComfyUI's button is looked at, in seconds.
_LOOK_SECONDS = 0.2
#: A farm makes previews of a running render every two seconds at most.
_PREVIEW_SECONDS = 1.0
_PREVIEW_PIXELS = 512
_MOST_REASONS = 5


@dataclass(frozen=True)
class News:
    """How far a job is, in denoising steps, and how its newest render looks so far."""

    value: int
    total: int
    preview: Image.Image | None = None


def render(
    client: FarmClient, model: str, prompt: str, fields: dict[str, Any], folder: Path
) -> list[tuple[Render, Path]]:
    """The renders of a job with these inputs, in the order of its seeds, with their files in `folder`.

    What a job of the same inputs has rendered before is fetched, not rendered again. Raises NotRendered when not all
    of it came out, FarmError for all else that a farm says, and what ComfyUI raises when its user interrupts: then the
    job is cancelled.
    """
    comfy.model_management.throw_exception_if_processing_interrupted()
    job = _submitted(client, model, prompt, fields)
    if job.ended:
        found = _fetch(client, job, folder) if job.status == "done" and job.delete_at is None else []
        if found:
            return found
        job = client.submit(model, prompt, **fields)  # that one failed, or its files are removed
    for notice in job.notices:
        _log.info("%s", notice)
    follow(client, job)
    found = _fetch(client, job, folder)
    if not found:
        raise NotRendered(f"The files of job {job.id} are not on the farm any more; run it again.")
    return found


def _submitted(client: FarmClient, model: str, prompt: str, fields: dict[str, Any]) -> Job:
    """The job of these inputs: that of an earlier run, if there was one that the farm remembers."""
    said = json.dumps([model, prompt, fields], sort_keys=True).encode()
    try:
        return client.submit(model, prompt, idempotency_key=f"comfyui-{hashlib.sha256(said).hexdigest()}", **fields)
    except FarmProblem as problem:
        if problem.type != "idempotency-mismatch":
            raise
        return client.submit(model, prompt, **fields)  # another version of the client wrote the same otherwise


def follow(client: FarmClient, job: Job) -> None:
    """Return when the job is done; ComfyUI shows its progress. Raises NotRendered, with why, when it is not to be."""
    bar = comfy.utils.ProgressBar(job.total)
    news: SimpleQueue[News | Job | BaseException] = SimpleQueue()
    threading.Thread(target=_watch, args=(client, job.id, news), daemon=True, name=f"latent-farm {job.id}").start()
    try:
        while True:
            comfy.model_management.throw_exception_if_processing_interrupted()
            with suppress(Empty):
                told = news.get(timeout=_LOOK_SECONDS)
                if isinstance(told, BaseException):
                    raise told
                if isinstance(told, Job):
                    return _check_done(client, told)
                preview = None if told.preview is None else ("JPEG", told.preview, _PREVIEW_PIXELS)
                bar.update_absolute(told.value, told.total, preview)
    except FarmError:
        raise  # what the farm says; a farm that does not answer cannot be told either
    except BaseException:  # ComfyUI was interrupted, or ends
        with suppress(FarmError):
            client.cancel(job.id)
        raise


def _watch(client: FarmClient, job_id: str, news: SimpleQueue[News | Job | BaseException]) -> None:
    """In a thread of its own, as the stream of a farm may be silent for ten seconds."""
    looked = 0.0

    def tell(progress: JobProgress) -> None:
        nonlocal looked
        preview = None
        if progress.running and time.monotonic() - looked > _PREVIEW_SECONDS:
            looked = time.monotonic()
            with suppress(FarmError, OSError):
                preview = _picture(client.preview(progress.running[-1].render_id))
        news.put(_news(progress, preview))

    try:
        news.put(client.wait(job_id, tell))
    except BaseException as error:
        news.put(error)


def _news(progress: JobProgress, preview: Image.Image | None) -> News:
    steps = max((step.steps for step in progress.running), default=1) or 1
    done = progress.job.ended_renders * steps + sum(step.step for step in progress.running)
    return News(done, progress.job.total * steps, preview)


def _picture(content: bytes | None) -> Image.Image | None:
    """A preview; of a clip its first frame."""
    if content is None:
        return None
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


def _check_done(client: FarmClient, job: Job) -> None:
    if job.status == "done":
        return
    lost = [render for render in client.renders(job.id) if render.status != "done"]
    why = [
        f"seed {render.parameters.get('seed')} {render.status}" + (f" ({render.reason})" if render.reason else "")
        for render in lost[:_MOST_REASONS]
    ]
    raise NotRendered(
        f"{len(lost)} of {job.total} renders of job {job.id} did not come out: {'; '.join(why)}. "
        "What did is on the farm; run it again for a new job."
    )


def _fetch(client: FarmClient, job: Job, folder: Path) -> list[tuple[Render, Path]]:
    """All renders of a job with their files; none when some are removed."""
    renders = [render for render in client.renders(job.id) if render.status == "done"]
    paths = client.download(job.id, folder)
    whole = len(renders) == len(paths) == job.total
    return list(zip(renders, paths, strict=True)) if whole else []
