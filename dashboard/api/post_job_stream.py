"""POST /api/v1/jobs/stream: a job whose renders stream in, row by row."""

import sys
import time
from collections.abc import Iterator
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field
from werkzeug.exceptions import ClientDisconnected

from dashboard.api.common import JOBS, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.problems import UnsupportedMediaType
from dashboard.reads.intakes import intake_answer
from dashboard.reads.jobs import find_job
from dashboard.schemas import StreamAnswer
from dashboard.schemas.base import RequestPart
from farm.database import read
from farm.errors import Fault, InvalidRequest, NotFound
from scheduler.intake.open_stream import Position, open_intake, read_position, resume
from scheduler.intake.read_stream import take_in
from scheduler.intake.records import from_text
from scheduler.intake.sources import check_source, form_of

_FORMATS = {
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/json-lines": "jsonl",
    "text/csv": "csv",
}
_OURS = frozenset({"offset", "more", "crc32", "job"})
_PIECE = 32 * 1024  # bytes read at once
#: A client that is still sending reads no answer: so much is read and thrown away, or the rest is cut off.
_DRAINED = 8 * 1024 * 1024
_OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["source", "model"],
    "properties": {
        "source": {"type": "string", "description": "s3://BUCKET/uploads/PROJECT/…, from POST /api/v1/uploads"},
        "format": {"type": "string", "enum": ["jsonl", "csv"], "description": "by default as the name ends"},
        "model": {"type": "string"},
    },
    "additionalProperties": True,
    "description": "Any other field of a job: what all rows share",
}
_ROWS: dict[str, Any] = {"type": "string", "description": "One row for each render: its prompt, seed, parameters"}


class StreamHeader(RequestPart):
    """Headers of a stream."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        description="Required, but with `job`: the same key goes on with the same stream.",
    )


class StreamQuery(RequestPart):
    """What all rows share, and which part of the source the body is. Any other field of a job may be given too."""

    model: str | None = Field(None, description="A name of GET /api/v1/models; required")
    class_name: str | None = Field(None, alias="class", description="As in a job")
    title: str | None = Field(None, description="By default the first prompt")
    job: str | None = Field(None, description="Go on with this job's stream; all that its rows share is known then")
    offset: int = Field(0, ge=0, description="The body begins at this byte of the source")
    crc32: int | None = Field(None, ge=0, lt=2**32, description="Of the bytes before it: checked before it goes on")
    more: bool = Field(False, description="The source goes on after this body: the stream is not sealed")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""
    rows = {"schema": _ROWS}
    content = {"application/x-ndjson": rows, "text/csv": rows, "application/json": {"schema": _OBJECT}}

    @blueprint.post(
        "/jobs/stream",
        tags=[JOBS],
        responses={201: StreamAnswer, 200: StreamAnswer, 202: StreamAnswer},
        openapi_extensions={"requestBody": {"required": True, "content": content}},
    )
    def post_job_stream(header: StreamHeader, query: StreamQuery) -> Response:
        """Submit a job of up to a million renders as a stream of rows, or go on with one.

        Rows are admitted in chunks, and may be rendered before the last one came. Answers 201 when the last row is
        in, 200 when it was before, 202 while more is to come: with `more`, or from an object that the farm reads.
        """
        if request.is_json:
            return _from_object(header.idempotency_key)
        form = _FORMATS.get(request.mimetype)
        if form is None:
            raise UnsupportedMediaType(
                "Send the rows with 'Content-Type: application/x-ndjson' or 'text/csv', or the address of an object "
                f"with 'application/json'; seen: {request.mimetype[:80]!a}."
            )
        request.max_content_length = sys.maxsize  # a stream is never in memory as a whole
        who = principal()
        defaults = {name: from_text(name, text) for name, text in request.args.items() if name not in _OURS}
        try:
            if query.job is not None:
                position, new = _begun(query.job, defaults, form), False
            else:
                position, new = _open(defaults, form, header.idempotency_key, "/query")
            sealed_before = position.sealed_at is not None
            taken = take_in(
                farm(), position, _pieces(), offset=query.offset, crc32=query.crc32, more=query.more, new=new
            )
        except Exception:
            _drain()
            raise
        status = 200 if sealed_before else 202 if query.more else 201
        return _answer(who.project_id, taken.position, taken.notices, status)


def _from_object(key: str | None) -> Response:
    document = read_json()
    if not isinstance(document, dict):
        raise InvalidRequest([Fault("", 'must be an object such as {"source": "s3://…", "model": "…"}')])
    defaults = dict(document)
    source, form = defaults.pop("source", None), defaults.pop("format", None)
    who = principal()
    name = check_source(source, farm().settings.s3_bucket, who.project_id)
    form = form or form_of(name)
    if form is None:
        raise InvalidRequest([Fault("/format", "is missing, and the name of the object ends neither .jsonl nor .csv")])
    position, _ = _open(defaults, form, key, "", source)
    if position.error is not None and position.sealed_at is None:
        position = resume(farm(), position)  # the owner has corrected the object
    return _answer(who.project_id, position, [], 200 if position.sealed_at is not None else 202)


def _begun(job_id: str, defaults: dict[str, Any], form: str) -> Position:
    """The stream of a job of one's project, whoever has its key. Raises NotFound, InvalidRequest."""
    with read(farm().engine) as connection:
        position = read_position(connection, find_job(connection, principal().project_id, job_id).id)
    if position is None or position.source is not None:
        raise NotFound("Rows are not sent to this job: it came in one piece, or is read from an object.")
    faults = [Fault(f"/query/{name}", "is given with `job`, whose stream has what all rows share") for name in defaults]
    if form != position.form:
        faults.append(Fault("/header/Content-Type", f"must be that of {position.form}, as its stream was begun"))
    if faults:
        raise InvalidRequest(faults)
    return position


def _open(
    defaults: dict[str, Any], form: str, key: str | None, place: str, source: str | None = None
) -> tuple[Position, bool]:
    """The stream of that key, and whether it is new. Raises InvalidRequest, whose faults begin at `place`."""
    who = principal()
    try:
        return open_intake(
            farm(),
            project_id=who.project_id,
            user_id=who.user_id,
            defaults=defaults,
            form=form,
            key=key,
            source=source,
        )
    except InvalidRequest as refused:
        faults = [
            fault if fault.field.startswith("/header/") else Fault(place + fault.field, fault.message)
            for fault in refused.faults
        ]
        raise type(refused)(faults) from refused


def _pieces() -> Iterator[bytes]:
    """The body, piece by piece; other requests have their turn between two pieces.

    Raises ClientDisconnected when the client hangs up: the server only says that no more comes, and half a row would
    be taken for the last one.
    """
    came = 0
    while piece := request.stream.read(_PIECE):
        came += len(piece)
        yield piece
        time.sleep(0)
    if request.content_length is not None and came < request.content_length:
        raise ClientDisconnected()


def _drain() -> None:
    left = _DRAINED
    try:
        while left > 0 and (piece := request.stream.read(_PIECE)):
            left -= len(piece)
    except Exception:
        return


def _answer(project_id: str, position: Position, notices: list[str], status: int) -> Response:
    with read(farm().engine) as connection:
        job = find_job(connection, project_id, position.job_id)
    answer = StreamAnswer(job=job, intake=intake_answer(position), notices=notices)
    return reply(answer, status, Location=job.links.self)
