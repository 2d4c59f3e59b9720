"""Rendered pictures as OpenAI's clients read them: in one answer, or as the events of a stream."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from flask import Response, request, stream_with_context
from sqlalchemy.exc import SQLAlchemyError

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.openai.fields import PictureFields
from dashboard.openai.waiting import check_rendered, follow, give_up, wait
from dashboard.openai_errors import NotInTime, NotRendered, document
from dashboard.reads.render_files.pictures import Picture, pictures_of
from dashboard.schemas import Job, LivePreview
from farm.database import read
from farm.errors import DatabaseBusy, FarmError
from scheduler.admission.submit import Submitted

Event = Literal["image_generation", "image_edit"]


def answer(fields: PictureFields, made: Submitted, event: Event) -> Response:
    """The pictures of a job, once they are there. Raises what waiting for them raises."""
    if fields.stream:
        return _streamed(fields, made, event)
    job = wait(principal().project_id, made.job_id, alone=_is_alone())
    pictures = _pictures(job)
    pieces = _one_answer(job, pictures, fields.response_format, made.notices)
    first = next(pieces)  # so that an object storage that is away is an error, and not half an answer
    return Response(stream_with_context(chain([first], pieces)), content_type="application/json")


def _is_alone() -> bool:
    """Whether nobody else can wait for the job: who sends a key may come back with it, and may have already."""
    return "Idempotency-Key" not in request.headers


def _pictures(job: Job) -> Sequence[Picture]:
    """The pictures of a job that has ended. Raises NotRendered when there is none."""
    with read(farm().engine) as connection:
        renders = pictures_of(connection, principal().project_id, job.id)
    check_rendered(job, next((render.reason for render in renders if render.reason), None))
    pictures = [render for render in renders if render.key is not None]
    if not pictures:
        raise NotRendered(f"The files of job {job.id} were removed.")
    return pictures


def _one_answer(
    job: Job, pictures: Sequence[Picture], kind: Literal["b64_json", "url"], notices: Sequence[str]
) -> Iterator[str]:
    """JSON in pieces, a picture each: however large they are, one at a time is held."""
    first = pictures[0]
    notices = [
        *notices,
        *([f"{job.total - job.done} of {job.total} pictures were not rendered"] * (job.done < job.total)),
    ]
    head = {
        "created": int(time.time()),
        "background": "opaque",
        "output_format": first.format,
        "size": first.size,
        "job_id": job.id,
        "notices": notices,
    }
    text = json.dumps(head)[:-1] + ', "data": ['
    for number, picture in enumerate(pictures):
        shown = _base64(picture) if kind == "b64_json" else farm().storage.link(picture.stored_key)
        text += (", " if number else "") + json.dumps({kind: shown, **_ours(picture)})
        yield text
        text = ""
    yield text + "]}"


def _streamed(fields: PictureFields, made: Submitted, event: Event) -> Response:
    return Response(
        stream_with_context(_events(fields, made, event, principal().project_id)),
        content_type="text/event-stream; charset=utf-8",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _events(fields: PictureFields, made: Submitted, event: Event, project_id: str) -> Iterator[str]:
    ended = False
    try:
        yield ": submitted\n\n"
        partial = _PartialImages(fields.partial_images, made.job_id, event)
        for told in follow(project_id, made.job_id):
            if isinstance(told, Job):
                ended = True
                yield _event(_completed(told, event))
            elif told is None:
                yield ": keepalive\n\n"  # writing also finds who is gone
            else:
                yield from map(_event, partial.of(told))
        if not ended:
            raise NotInTime()
    except (FarmError, SQLAlchemyError) as error:
        yield _event(document(error if isinstance(error, FarmError) else DatabaseBusy()))
    finally:
        if not ended and _is_alone():
            give_up(project_id, made.job_id)


def _completed(job: Job, event: Event) -> dict[str, Any]:
    [picture] = _pictures(job)
    return _described(event, "completed", picture) | {
        "b64_json": _base64(picture),
        # Their type must have it; no tokens are counted here.
        "usage": {
            "input_tokens": 0,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
            "output_tokens": 0,
            "total_tokens": 0,
        },
        **_ours(picture),
    }


@dataclass
class _PartialImages:
    """Picks so many previews of a render, spread over its steps, and makes events of them."""

    wanted: int
    job_id: str
    event: Event
    shown: int = 0

    def of(self, preview: LivePreview) -> Iterator[dict[str, Any]]:
        """The event of this preview, if its turn has come."""
        if self.shown >= self.wanted:
            return
        with read(farm().engine) as connection:
            [picture] = pictures_of(connection, principal().project_id, self.job_id)
        data = farm().progress.preview(preview.render_id)
        if data is None or preview.step * (self.wanted + 1) < picture.steps * (self.shown + 1):
            return
        yield _described(self.event, "partial_image", picture) | {
            "b64_json": base64.b64encode(data).decode(),
            "output_format": "webp",
            "partial_image_index": self.shown,
        }
        self.shown += 1


def _described(event: Event, what: str, picture: Picture) -> dict[str, Any]:
    return {
        "type": f"{event}.{what}",
        "created_at": int(time.time()),
        "background": "opaque",
        "quality": "auto",
        "size": picture.size,
        "output_format": picture.format,
    }


def _ours(picture: Picture) -> dict[str, str]:
    """What theirs do not have: with the seed it comes out again. A text, as their readers' numbers end at 2^53."""
    return {"render_id": picture.render_id, "seed": picture.seed}


def _base64(picture: Picture) -> str:
    return base64.b64encode(farm().storage.get(picture.stored_key)).decode()


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
