"""Webhooks: every end of a job arrives, signed, at those who want it and at nobody else, however often it takes."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import Outcome
from farm.local.certificates import Certificates
from farm.tables import Webhook, WebhookDelivery
from scheduler.control.cancel import cancel_job
from scheduler.leases import job_counters
from scheduler.webhooks.backoff import MAX_ATTEMPTS
from scheduler.webhooks.deliver_webhooks import DeliverWebhooks
from scheduler.webhooks.deliveries import HELD_SECONDS, DeliveryState, hold_next, replay, state_of
from scheduler.webhooks.events import JOB_EVENTS, EventType
from scheduler.webhooks.subscriptions import (
    WebhookChange,
    change_webhook,
    create_webhook,
    remove_webhook,
    rotate_secret,
)
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import claim_some, settle_as, statuses, submit_job
from tests.scheduler.webhooks.receivers import Receiver, receiving
from tests.tls import tls_in_front
from tests.waiting import eventually

DAY = 86_400.0
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _here(connections: Connections, clock: TestClock) -> None:
    """A farm whose operator lets webhooks go to this machine, at the time at which verifiers live."""
    connections.settings = connections.settings.model_copy(update={"webhook_networks": ["127.0.0.0/8"]})
    clock.now = time.time()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as open_:
        yield open_


def listen(
    connections: Connections, project: str, url: str, types: Sequence[EventType] = JOB_EVENTS
) -> tuple[str, str]:
    """A new webhook; its id and its secret."""
    row, secret = create_webhook(connections.engine, project, url, types, connections.clock())
    return row.id, secret


def end_job(connections: Connections, project: str, outcome: Outcome = Outcome.DONE) -> str:
    """The id of a job with one render that has ended so."""
    job = submit_job(connections, project, 1)
    settle_as(connections, claim_some(connections), outcome)
    return job


def deliver(connections: Connections, duty: DeliverWebhooks | None = None) -> int:
    """One pass, and all that it began."""
    duty = duty or DeliverWebhooks()
    begun = duty.one_pass(connections, connections.clock())
    duty.join()
    return begun


def deliveries(connections: Connections) -> list[Any]:
    with read(connections.engine) as connection:
        return list(connection.execute(select(WebhookDelivery.__table__).order_by(WebhookDelivery.id)))


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.DONE, "done"), (Outcome.FAILED, "failed")])
def test_a_stock_verifier_accepts_what_is_sent_when_a_job_ends(
    connections: Connections, project: str, receiver: Receiver, outcome: Outcome, status: str
) -> None:
    _, secret = listen(connections, project, receiver.url)
    job = end_job(connections, project, outcome)

    assert deliver(connections) == 1

    [(headers, body)] = receiver.requests
    told = Verifier(secret).verify(body, headers)
    assert told["type"] == f"job.{status}"
    assert (told["data"]["job"]["id"], told["data"]["job"]["status"]) == (job, status)
    assert (told["data"]["job"]["total"], told["data"]["job"][status]) == (1, 1)
    [row] = deliveries(connections)
    assert (headers["webhook-id"], headers["content-type"]) == (row.event_id, "application/json")
    assert (state_of(row), row.last_status, row.attempts) == (DeliveryState.DELIVERED, 204, 1)
    assert deliver(connections) == 0
    assert len(receiver.requests) == 1


def test_a_receiver_can_change_over_to_a_new_secret_in_its_own_time(
    connections: Connections, project: str, receiver: Receiver
) -> None:
    webhook, old = listen(connections, project, receiver.url)
    row, new = rotate_secret(connections.engine, project, webhook, 3600.0, clock=connections.clock)
    assert row.old_secret_until > connections.clock()
    assert not hasattr(row, "old_secret")
    end_job(connections, project)
    deliver(connections)
    [(headers, body)] = receiver.requests
    for secret in (old, new):
        Verifier(secret).verify(body, headers)

    # When the time is over, or nothing was to be kept, only the new one signs
    with write(connections.engine) as connection:
        connection.execute(update(Webhook).values(old_secret_until=1.0))
    end_job(connections, project)
    deliver(connections)
    rotate_secret(connections.engine, project, webhook, 0.0, clock=connections.clock)
    end_job(connections, project)
    deliver(connections)
    for (headers, body), wrong in zip(receiver.requests[1:], (old, new), strict=True):
        assert len(headers["webhook-signature"].split()) == 1
        with pytest.raises(WebhookVerificationError):
            Verifier(wrong).verify(body, headers)
    with read(connections.engine) as connection:
        assert connection.scalar(select(Webhook.old_secret)) is None


def test_only_those_are_told_who_want_to_hear_it_and_whose_job_it_is(
    connections: Connections, project: str, receiver: Receiver
) -> None:
    other = create_project(connections.engine, "others")
    listen(connections, other, receiver.url)
    listen(connections, project, receiver.url, (EventType.JOB_FAILED,))
    quiet, _ = listen(connections, project, receiver.url)
    change_webhook(connections.engine, project, quiet, WebhookChange(enabled=False))
    wanted, _ = listen(connections, project, receiver.url, (EventType.JOB_CANCELLED, EventType.JOB_DONE))
    job = submit_job(connections, project, 3)

    cancel_job(connections, job)

    [row] = deliveries(connections)
    assert (row.webhook_id, row.event_type) == (wanted, "job.cancelled")
    assert json.loads(row.payload)["data"]["job"]["cancelled"] == 3


def test_what_cannot_be_written_leaves_the_job_as_it_was(
    connections: Connections, project: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(connections, project, receiver.url)
    job = submit_job(connections, project, 1)
    claimed = claim_some(connections)

    def crash(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as crashing:
        crashing.setattr(job_counters, "JobChanged", crash)  # what a settle does last
        with pytest.raises(SystemExit):
            settle_as(connections, claimed, Outcome.DONE)
    assert (statuses(connections, job), deliveries(connections)) == (["running"], [])

    settle_as(connections, claimed, Outcome.DONE)
    assert (statuses(connections, job), len(deliveries(connections))) == (["done"], 1)


def test_a_receiver_that_fails_first_gets_the_same_event_again_ever_later(
    connections: Connections, project: str, clock: TestClock
) -> None:
    answers = iter([500, 503, 302, 204])
    with receiving(lambda body: next(answers)) as receiver:
        listen(connections, project, receiver.url)
        end_job(connections, project)
        duty, due = DeliverWebhooks(), []
        for _ in range(3):
            assert deliver(connections, duty) == 1
            [row] = deliveries(connections)
            due.append(row.next_attempt_at - clock())
            assert deliver(connections, duty) == 0, "not before its time"
            clock.now = row.next_attempt_at
        assert deliver(connections, duty) == 1

    assert due == sorted(due)
    assert row.last_error == "answered 302; redirects are not followed: name the last address of the way"
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert len({(headers["webhook-signature"], body) for headers, body in receiver.requests}) == 4
    [row] = deliveries(connections)
    assert (row.attempts, row.last_status, row.last_error) == (4, 204, None)


def test_what_never_arrives_is_given_up_after_days_and_can_be_sent_again(
    connections: Connections, project: str, clock: TestClock
) -> None:
    broken = [True]
    with receiving(lambda body: 500 if broken[0] else 200) as receiver:
        webhook, _ = listen(connections, project, receiver.url)
        end_job(connections, project)
        duty, begun = DeliverWebhooks(), clock()
        while (row := deliveries(connections)[0]).next_attempt_at is not None:
            clock.now = max(clock.now, row.next_attempt_at)
            deliver(connections, duty)
        assert (state_of(row), row.attempts) == (DeliveryState.FAILED, MAX_ATTEMPTS)
        assert clock() - begun > DAY

        broken[0] = False
        with write(connections.engine) as connection:
            replay(connection, webhook, row.id, clock())
        deliver(connections, duty)

    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert state_of(deliveries(connections)[0]) is DeliveryState.DELIVERED


def test_an_attempt_of_which_nobody_tells_is_made_again_and_one_at_a_time(
    connections: Connections, project: str, clock: TestClock, receiver: Receiver
) -> None:
    webhook, _ = listen(connections, project, receiver.url)
    end_job(connections, project)
    assert hold_next(connections.engine, webhook, clock()) is not None  # by a process that is killed now

    assert hold_next(connections.engine, webhook, clock()) is None
    assert deliver(connections) == 0
    clock.forward(HELD_SECONDS)
    assert deliver(connections) == 1
    assert len(receiver.requests) == 1


def test_a_receiver_that_says_nothing_holds_back_neither_the_supervisor_nor_anybody_else(
    connections: Connections, project: str, receiver: Receiver
) -> None:
    other = create_project(connections.engine, "others")
    with receiving(lambda body: None) as silent:
        for _ in range(6):
            listen(connections, project, silent.url)
        listen(connections, other, receiver.url)
        duty = DeliverWebhooks()
        end_job(connections, project)
        end_job(connections, other)

        assert duty.one_pass(connections, connections.clock()) == 5, "four of the one project, one of the other"
        eventually(lambda: len(receiver.requests) == 1 and len(silent.requests) == 4)
        assert duty.one_pass(connections, connections.clock()) == 0
    duty.join()
    held = [row for row in deliveries(connections) if row.last_error]
    assert len(held) == 4
    assert {row.last_error for row in held} <= {"does not speak HTTP", "broke the connection off"}


@ON_SQLITE
def test_a_receiver_that_is_gone_is_told_nothing_more(connections: Connections, project: str) -> None:
    with receiving(lambda body: 410) as receiver:
        webhook, _ = listen(connections, project, receiver.url)
        end_job(connections, project)
        end_job(connections, project)
        deliver(connections)
        end_job(connections, project)
        assert deliver(connections) == 0
    assert len(receiver.requests) == 1
    with read(connections.engine) as connection:
        found = connection.execute(select(Webhook.enabled, Webhook.disabled_reason)).one()
    assert (found.enabled, "410" in found.disabled_reason) == (False, True)

    change_webhook(connections.engine, project, webhook, WebhookChange(enabled=True))
    assert deliver(connections) == 1, "what was still to be sent goes on"


@ON_SQLITE
def test_the_operators_own_authority_counts(
    connections: Connections, project: str, receiver: Receiver, certificates: Certificates
) -> None:
    trusting = {"webhook_ca_file": certificates.authority}
    connections.settings = connections.settings.model_copy(update=trusting)
    with tls_in_front(receiver.url, certificates) as port:
        listen(connections, project, f"https://localhost:{port}/hook")
        end_job(connections, project)
        deliver(connections)
    assert [state_of(row) for row in deliveries(connections)] == [DeliveryState.DELIVERED]


def test_a_webhook_goes_with_its_deliveries(connections: Connections, project: str, receiver: Receiver) -> None:
    webhook, _ = listen(connections, project, receiver.url)
    end_job(connections, project)
    remove_webhook(connections.engine, project, webhook)
    assert deliveries(connections) == []
    assert deliver(connections) == 0
