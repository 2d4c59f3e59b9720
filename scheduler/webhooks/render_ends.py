"""The outbox for ends of renders: those of a job that end alike are collected, so that a job of 10,000 is few events.

A delivery of theirs becomes due a second after its first render, and takes in what ends until an attempt to send it
begins, up to a hundred. So a job gives at most one event a second of each type, and where its receiver is slow or away
no more than one for each hundred renders. Whoever writes here has locked the job: no two collect for the same one.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from farm.ids import new_id
from farm.lifecycle import RenderStatus
from farm.tables import Job, Render, WebhookDelivery
from scheduler.webhooks.events import (
    MOST_RENDERS,
    EndedRender,
    RendersEnded,
    ended_render,
    renders_ended,
    type_of_render_end,
)
from scheduler.webhooks.outbox import delivery_row, listeners

#: A delivery takes in ends for so long at least.
COLLECT_SECONDS = 1.0

#: By the unique index of (job_id, index).
_IDS = select(Render.index, Render.id).where(
    Render.job_id == bindparam("of_job"), Render.index.in_(bindparam("indexes", expanding=True))
)
_JOB = select(Job.id, Job.model, Job.title).where(Job.id == bindparam("of_job"))
#: The newest that still collects; locked against who would send it. Reads ix_webhook_deliveries_collecting_job_id.
_COLLECTING = (
    select(WebhookDelivery.id, WebhookDelivery.payload)
    .where(
        WebhookDelivery.collecting_job_id == bindparam("of_job"),
        WebhookDelivery.webhook_id == bindparam("of_webhook"),
        WebhookDelivery.event_type == bindparam("of_type"),
    )
    .order_by(WebhookDelivery.id.desc())
    .limit(1)
    .with_for_update()
)


def write_renders_ended(
    connection: Connection, job_id: str, ends: Mapping[RenderStatus, Sequence[tuple[int, str | None]]], now: float
) -> None:
    """Write which renders (by index, with reasons) have ended, for each webhook of the project that wants to hear it.

    One statement where nobody does.
    """
    wanted = [row for row in listeners(connection, job_id) if any(_wants(row, status) for status in ends)]
    if not wanted:
        return
    job = connection.execute(_JOB, {"of_job": job_id}).one()
    for status, ended in ends.items():
        webhooks = [row.id for row in wanted if _wants(row, status)]
        if not webhooks:
            continue
        found = connection.execute(_IDS, {"of_job": job_id, "indexes": [index for index, _ in ended]})
        ids: dict[int, str] = dict(iter(found))
        renders = [ended_render(ids[index], index, status, reason, now) for index, reason in ended]
        for webhook_id in webhooks:
            rest = _add(connection, job_id, webhook_id, status, renders)
            rows = [
                delivery_row(
                    webhook_id,
                    new_id(),
                    type_of_render_end(status).value,
                    renders_ended(job, status, rest[start : start + MOST_RENDERS], now).model_dump_json(),
                    now + COLLECT_SECONDS,
                )
                | {"created_at": now, "collecting_job_id": job_id}
                for start in range(0, len(rest), MOST_RENDERS)
            ]
            if rows:
                connection.execute(insert(WebhookDelivery), rows)


def _wants(row: object, status: RenderStatus) -> bool:
    return type_of_render_end(status).value in row.event_types  # type: ignore[attr-defined]


def _add(
    connection: Connection, job_id: str, webhook_id: str, status: RenderStatus, renders: Sequence[EndedRender]
) -> Sequence[EndedRender]:
    """Take in what the delivery that collects has room for; returns the rest."""
    which = {"of_job": job_id, "of_webhook": webhook_id, "of_type": type_of_render_end(status).value}
    found = connection.execute(_COLLECTING, which).one_or_none()
    if found is None:
        return renders
    body = RendersEnded.model_validate_json(found.payload)
    room = MOST_RENDERS - len(body.data.renders)
    if room <= 0:
        return renders
    body.data.renders.extend(renders[:room])
    this = WebhookDelivery.id == found.id
    connection.execute(update(WebhookDelivery).where(this).values(payload=body.model_dump_json()))
    return renders[room:]
