"""The outbox: what is to be sent is written in the transaction of what it tells of: no crash comes between the two."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, insert, literal_column, select, update

from farm.ids import new_id
from farm.lifecycle import JobStatus
from farm.tables import Job, Webhook, WebhookDelivery
from scheduler.webhooks.events import job_ended, type_of_end

#: The webhooks that hear of a job. Reads ix_webhooks_project_id; locks them against being removed, and nothing else.
_LISTENING = (
    select(Webhook.id, Webhook.event_types)
    .where(
        Webhook.project_id == select(Job.project_id).where(Job.id == bindparam("of_job")).scalar_subquery(),
        Webhook.enabled,
    )
    .order_by(Webhook.id)
    .with_for_update(read=True, key_share=True)
)
_ENDED_JOB = select(Job.__table__).where(Job.id == bindparam("of_job"))
#: What was still being collected of a job that has ended is due, before the end itself. Reads
#: ix_webhook_deliveries_collecting_job_id.
_COLLECTED = (
    update(WebhookDelivery)
    .where(WebhookDelivery.collecting_job_id == bindparam("of_job"))
    .values(collecting_job_id=None, next_attempt_at=bindparam("now"))
)


def has_webhooks() -> ColumnElement[bool]:
    """In a statement on `jobs`: whether the project of the job has any webhook. Probes ix_webhooks_project_id."""
    # Named in full: in RETURNING SQLAlchemy leaves out the table on SQLite, and both columns would be the webhook's.
    return exists().where(Webhook.project_id == literal_column("jobs.project_id", Webhook.project_id.type))


def listeners(connection: Connection, job_id: str) -> Sequence[Any]:
    """Id and event types of each enabled webhook of the job's project, in the order of their ids."""
    return connection.execute(_LISTENING, {"of_job": job_id}).all()


def write_job_ended(connection: Connection, job_id: str, status: JobStatus, now: float) -> None:
    """Write that a job has ended, for each webhook of its project that wants to hear of it.

    The job's row must say so already. One statement where nobody listens, four where somebody does.
    """
    event_type = type_of_end(status).value
    listening = listeners(connection, job_id)
    if any(wanted.startswith("render.") for row in listening for wanted in row.event_types):
        connection.execute(_COLLECTED, {"of_job": job_id, "now": now})
    webhooks = [row.id for row in listening if event_type in row.event_types]
    if not webhooks:
        return
    payload = job_ended(connection.execute(_ENDED_JOB, {"of_job": job_id}).one()).model_dump_json()
    event_id = new_id()
    rows = [delivery_row(webhook_id, event_id, event_type, payload, now) for webhook_id in webhooks]
    connection.execute(insert(WebhookDelivery), rows)


def delivery_row(webhook_id: str, event_id: str, event_type: str, payload: str, now: float) -> dict[str, object]:
    """The row of an event that is to be sent at once."""
    return {
        "id": new_id(),
        "webhook_id": webhook_id,
        "event_id": event_id,
        "event_type": event_type,
        "payload": payload,
        "next_attempt_at": now,
        "created_at": now,
    }
