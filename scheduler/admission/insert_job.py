"""A job and all that belongs to it go into SQL, in the transaction of who admits it."""

from sqlalchemy import Connection, insert

from farm.tables import Event, Job
from scheduler.accounting import quotas
from scheduler.admission.bulk_insert import insert_renders
from scheduler.admission.dependencies import Hold, check_after, insert_dependencies
from scheduler.admission.idempotency import Key, claim_key
from scheduler.admission.render_rows import Row
from scheduler.admission.standing import Standing
from scheduler.fair_share.flows import ensure_flow, wake_flow


class SameKeyCommitted(Exception):
    """Another submission with the same key committed while this one was on its way."""


def insert_job(
    connection: Connection,
    job: Row,
    renders: list[Row],
    standing: Standing,
    notices: list[str],
    key: Key | None,
    hold: Hold,
) -> bool:
    """Flow, job, key, event, renders; whether they are held. The flow's row, which claims wait for, is locked last."""
    project_id, now = job["project_id"], job["created_at"]
    if standing.limited:
        quotas.check_admission(
            connection,
            project_id,
            renders=len(renders),
            gpu_seconds=job["estimate"],
            now=now,
            lane=job["lane"],
        )
    hold = check_after(connection, project_id, hold)
    flow_id = standing.flow_id or ensure_flow(
        connection,
        lane=job["lane"],
        project_id=project_id,
        class_name=standing.class_name,
        weight=standing.weight,
    )
    connection.execute(insert(Job), job | hold.job_columns | {"flow_id": flow_id})
    insert_dependencies(connection, job["id"], hold.after)
    if key is not None and not claim_key(connection, key, job["id"], now):
        raise SameKeyCommitted
    payload = {"renders": len(renders), "notices": notices}
    event = {
        "job_id": job["id"],
        "version": job["version"],
        "kind": "submitted",
        "at": now,
        "payload": payload,
    }
    connection.execute(insert(Event), event)
    for row in renders:
        row |= hold.render_columns
        row["flow_id"] = flow_id
    insert_renders(connection, renders)
    if not hold.held:
        wake_flow(connection, flow_id, standing.weight)
    return hold.held
