"""How a translated request gets in: by the same checks and the same admission as POST /api/v1/jobs."""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http import limits
from dashboard.upload_spool import on_disk
from farm.errors import Fault, InvalidRequest
from scheduler import uploads
from scheduler.admission import submit
from scheduler.admission.validation_offload import check


def submit_job(document: Mapping[str, Any], *, remixed_from_id: str | None = None) -> submit.Submitted:
    """Admit a job of the caller's project; of a remix, with what it is one of. An `Idempotency-Key` counts here too.

    Raises what `scheduler.admission.submit.submit` raises.
    """
    who = principal()
    sent = submit.Sent(
        project_id=who.project_id,
        idempotency_key=request.headers.get("Idempotency-Key"),
        # Of the job, not of the bytes: a form's boundary differs each time it is sent.
        body_sha256=hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest(),
    )
    looked_at = partial(check, farm(), who.project_id, dict(document), draw_seed=submit.draw_seed)
    found = submit.checked(farm(), sent, looked_at)
    if isinstance(found, submit.Submitted):
        return found
    asked, resolved = found
    return submit.submit(
        farm(), **sent, user_id=who.user_id, request=asked, resolved=resolved, remixed_from_id=remixed_from_id
    )


def store_picture(name: str, files: list[FileStorage]) -> str:
    """Keep the one picture of a form among the project's uploads; its id. What it has already is kept once.

    Raises InvalidRequest, TooLarge, Busy, StorageDown.
    """
    if len(files) != 1:
        raise InvalidRequest([Fault(f"/{name}", f"must be one picture; seen {len(files)}")])
    with on_disk(files[0].stream) as file:
        row, _ = uploads.add_input(farm(), principal().project_id, files[0].filename or "picture", file)
    limits.leave_turn()  # rendering takes long, and holds no file here
    input_id: str = row.id
    return input_id
