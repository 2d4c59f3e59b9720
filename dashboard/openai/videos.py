"""Clips as OpenAI's clients read them, and the job that makes another of one."""

from collections.abc import Mapping
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel

from dashboard.api.common import reply
from dashboard.context import farm
from dashboard.reads.render_files.clips import Clip
from farm.lifecycle import RenderStatus
from farm.params.resubmission import request_again

#: Their clients end a wait at any word but the first two.
Status = Literal["queued", "in_progress", "completed", "failed"]
STATUSES: Mapping[RenderStatus, Status] = {
    RenderStatus.HELD: "queued",
    RenderStatus.PENDING: "queued",
    RenderStatus.RUNNING: "in_progress",
    RenderStatus.DRAFTED: "queued",
    RenderStatus.DONE: "completed",
    RenderStatus.FAILED: "failed",
    RenderStatus.CANCELLED: "failed",
    RenderStatus.EXPIRED: "failed",
}
#: Between two questions of a client that waits, in ms; it reads only the first answer's.
_SOONEST, _LATEST = 500, 10_000
#: A client asks so often while a clip is rendered.
_LOOKS = 20


class VideoError(BaseModel):
    """Why there is no clip."""

    code: str
    message: str


class Video(BaseModel):
    """A clip: queued, being rendered, there, or failed."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int
    created_at: int
    completed_at: int | None
    expires_at: int | None = None
    seconds: str
    size: str
    prompt: str
    error: VideoError | None
    remixed_from_video_id: str | None = None
    job_id: str
    seed: str


class VideoList(BaseModel):
    """One page of clips."""

    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


def video(clip: Clip, *, progress: int | None = None) -> Video:
    """The clip in their words; `progress` in percent."""
    asked, status = clip.parameters, STATUSES[clip.status]
    failed = status == "failed"
    return Video(
        id=clip.id,
        model=clip.model,
        status=status,
        progress=100 if status == "completed" else progress or 0,
        created_at=int(clip.created_at),
        completed_at=int(clip.finished_at) if status == "completed" and clip.finished_at else None,
        seconds=f"{(asked.get('num_frames', 1) - 1) / asked.get('fps', 1):g}",
        size=f"{asked['width']}x{asked['height']}",
        prompt=asked["prompt"],
        error=VideoError(code=clip.status.value, message=clip.reason or f"It is {clip.status}.") if failed else None,
        remixed_from_video_id=clip.remixed_from_id,
        job_id=clip.job_id,
        seed=str(asked["seed"]),
    )


def answer(clip: Clip) -> Response:
    """One clip with how far it is, and when to ask again."""
    percent = None
    if clip.status is RenderStatus.RUNNING:
        step = farm().progress.snapshot(clip.job_id).get(clip.id)
        percent = min(99, 100 * step.step // max(1, step.steps)) if step else None
    response = reply(video(clip, progress=percent))
    if STATUSES[clip.status] in ("queued", "in_progress"):
        wanted = round(clip.estimate * 1000 / _LOOKS)
        response.headers["openai-poll-after-ms"] = str(min(max(wanted, _SOONEST), _LATEST))
    return response


def remixed(clip: Clip, prompt: str) -> dict[str, Any]:
    """The job of the same clip with another prompt: the same seed and all other parameters."""
    job = request_again(clip.model, clip.parameters) | {"prompt": prompt}
    job.pop("stop_at_step", None)
    return job
