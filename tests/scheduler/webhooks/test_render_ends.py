"""Events of renders: every end is told once to those who asked for it, and a large job is few events."""

import json
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook as Verifier

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Outcome, RenderStatus
from farm.tables import WebhookDelivery
from scheduler.control import end_jobs
from scheduler.control.cancel import cancel_job
from scheduler.control.retry import retry_render
from scheduler.webhooks.deliveries import hold_next, replay
from scheduler.webhooks.events import JOB_EVENTS, MOST_RENDERS, EventType, ended_render
from scheduler.webhooks.render_ends import COLLECT_SECONDS
from scheduler.webhooks.subscriptions import create_webhook
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import claim_some, render_rows, settle_as, submit_job
from tests.scheduler.webhooks.receivers import receiving
from tests.scheduler.webhooks.test_deliver_webhooks import deliver

URL = "https://example.com/"


def listen(connections: Connections, project: str, *types: EventType, url: str = URL) -> tuple[str, str]:
    row, secret = create_webhook(connections.engine, project, url, types, connections.clock())
    return row.id, secret


def written(connections: Connections) -> list[Any]:
    with read(connections.engine) as connection:
        rows = connection.execute(select(WebhookDelivery.__table__).order_by(WebhookDelivery.id)).all()
    return [(row, json.loads(row.payload)) for row in rows]


def told(connections: Connections) -> Counter[tuple[str, int]]:
    """How often each render was told of, by event type and index."""
    return Counter(
        (body["type"], render["index"])
        for _, body in written(connections)
        for render in body["data"].get("renders", [])
    )


def test_renders_that_end_within_a_second_are_one_event_that_a_stock_verifier_accepts(
    connections: Connections, project: str, clock: TestClock
) -> None:
    connections.settings = connections.settings.model_copy(update={"webhook_networks": ["127.0.0.0/8"]})
    clock.now = time.time()  # at which verifiers live
    with receiving() as receiver:
        _, secret = listen(connections, project, EventType.RENDER_DONE, EventType.RENDER_FAILED, url=receiver.url)
        job = submit_job(connections, project, 4)
        for outcome in (Outcome.DONE, Outcome.FAILED, Outcome.DONE):
            settle_as(connections, claim_some(connections, capacity=1), outcome)

        assert deliver(connections) == 0  # it still collects
        clock.now += COLLECT_SECONDS
        assert deliver(connections) == 1

        bodies = [Verifier(secret).verify(body, headers) for headers, body in receiver.requests]
    done, failed = sorted(bodies, key=lambda body: body["type"])
    assert (done["type"], failed["type"]) == ("render.done", "render.failed")
    assert done["data"]["job"]["id"] == job
    assert [render["index"] for render in done["data"]["renders"]] == [0, 2]
    [render] = failed["data"]["renders"]
    assert (render["index"], render["status"], render["url"]) == (1, "failed", f"/api/v1/renders/{render['id']}")
    assert render["reason"]


def test_nobody_is_told_of_renders_who_did_not_ask(connections: Connections, project: str) -> None:
    listen(connections, project, *JOB_EVENTS)
    submit_job(connections, project, 2)
    settle_as(connections, claim_some(connections), Outcome.DONE)
    assert [row.event_type for row, _ in written(connections)] == ["job.done"]


def test_a_large_job_is_an_event_for_each_hundred_renders_and_its_last_ones_are_due_before_its_own_end(
    connections: Connections, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_jobs, "ANSWER_SECONDS", float("inf"))
    listen(connections, project, *EventType)
    job = submit_job(connections, project, 1_250)
    settle_as(connections, claim_some(connections, capacity=3), Outcome.DONE)

    cancel_job(connections, job)

    rows = written(connections)
    assert max(len(body["data"].get("renders", [])) for _, body in rows) == MOST_RENDERS
    assert len([row for row, _ in rows if row.event_type == "render.cancelled"]) == 13
    assert set(told(connections).values()) == {1}
    assert len(told(connections)) == 1_250
    assert all(row.next_attempt_at <= connections.clock() for row, _ in rows)
    assert [row.event_type for row, _ in rows][-1] == "job.partial"
    assert all(row.collecting_job_id is None for row, _ in rows)


def test_what_is_sent_takes_in_nothing_more_also_when_it_is_sent_again(
    connections: Connections, project: str, clock: TestClock
) -> None:
    webhook, _ = listen(connections, project, EventType.RENDER_DONE)
    submit_job(connections, project, 4)
    settle_as(connections, claim_some(connections, capacity=1), Outcome.DONE)
    settle_as(connections, claim_some(connections, capacity=1), Outcome.DONE)
    clock.now += COLLECT_SECONDS
    held = hold_next(connections.engine, webhook, clock.now)
    assert held is not None
    assert len(json.loads(held.message.body)["data"]["renders"]) == 2

    settle_as(connections, claim_some(connections, capacity=1), Outcome.DONE)
    with connections.engine.begin() as connection:
        replay(connection, webhook, held.id, clock.now)
    settle_as(connections, claim_some(connections, capacity=1), Outcome.DONE)

    assert [len(body["data"]["renders"]) for _, body in written(connections)] == [2, 2]
    assert set(told(connections).values()) == {1}


def test_a_render_that_ends_again_after_a_retry_is_told_again(
    connections: Connections, project: str, clock: TestClock
) -> None:
    listen(connections, project, EventType.RENDER_DONE, EventType.RENDER_FAILED)
    job = submit_job(connections, project, 1)
    settle_as(connections, claim_some(connections), Outcome.FAILED)
    assert told(connections) == {("render.failed", 0): 1}

    retry_render(connections, render_rows(connections, job)[0]["id"])
    settle_as(connections, claim_some(connections), Outcome.DONE)

    assert told(connections) == {("render.failed", 0): 1, ("render.done", 0): 1}


def test_a_reason_of_any_length_stays_short() -> None:
    told = ended_render("id", 0, RenderStatus.FAILED, "x" * 5_000, 0.0)
    assert told.reason == "x" * 500
