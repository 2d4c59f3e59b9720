"""Admission of a verification: a render that is done is asked for once more, with the very same parameters."""

import hashlib
import json

from sqlalchemy import Connection, exists, select

from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict, NotFound
from farm.lifecycle import RenderStatus
from farm.params.resubmission import request_again
from farm.sentences import sentence
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Flow, Job, Render
from scheduler.admission.running_verification import VerificationUnderWay, find_under_way
from scheduler.admission.submit import Submitted, draw_seed, submit
from scheduler.admission.validation_offload import check

#: What is of no use to a second look, and would cost or stop it.
_LEFT_OUT = ("stop_at_step", "keep_latents")


def submit_verification(
    connections: Connections, render_id: str, *, project_id: str, user_id: str | None, idempotency_key: str | None
) -> Submitted:
    """Have a render of the project rendered again, as an ordinary job of the project and of the class of the first.

    One that is under way already is the answer (`replayed`), and no second one is made.

    Raises:
        NotFound: the project has no such render.
        Conflict: it is not done, keeps no output, or is of a training.
        What `scheduler.admission.submit.submit` raises: its model, pictures or LoRAs may be gone, a quota used up.
    """
    with read(connections.engine) as connection:
        row = connection.execute(
            select(Render.id, Render.status, Render.parameters, Job.model, Flow.class_name)
            .join(Job, Job.id == Render.job_id)
            .join(Flow, Flow.id == Job.flow_id)
            .where(Render.id == render_id, Render.project_id == project_id)
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no render {render_id[:40]!r} that you may see.")
        if "training" in row.parameters:
            raise Conflict(sentence("It is of a training, which is not rendered again; submit it anew with its seed."))
        if row.status != RenderStatus.DONE.value or not _is_kept(connection, row.id):
            raise Conflict(sentence("Only a render that is done and keeps its output and manifest can be verified."))
        under_way = find_under_way(connection, project_id, row.id)
    if under_way is not None:
        return Submitted(under_way, [], [], replayed=True)
    document = {**request_again(row.model, row.parameters), "class": row.class_name}
    for name in _LEFT_OUT:
        document.pop(name, None)
    asked, resolved = check(connections, project_id, document, draw_seed=draw_seed)
    try:
        return submit(
            connections,
            project_id=project_id,
            user_id=user_id,
            request=asked,
            idempotency_key=idempotency_key,
            body_sha256=hashlib.sha256(json.dumps([row.id, document], sort_keys=True).encode()).hexdigest(),
            resolved=resolved,
            verifies_id=row.id,
        )
    except VerificationUnderWay as other:  # begun between the look and the transaction
        return Submitted(other.job_id, [], [], replayed=True)


def _is_kept(connection: Connection, render_id: str) -> bool:
    newest = (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt)
    files = [
        exists().where(newest, Artifact.kind == kind.value) for kind in (ArtifactKind.OUTPUT, ArtifactKind.MANIFEST)
    ]
    return connection.scalar(select(Render.id).where(Render.id == render_id, *files)) is not None
