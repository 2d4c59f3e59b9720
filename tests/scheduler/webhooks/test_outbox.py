"""What an ended job costs: nothing where nobody listens."""

from typing import Any

from sqlalchemy import event, select

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Outcome
from farm.tables import WebhookDelivery
from scheduler.webhooks.events import JOB_EVENTS
from scheduler.webhooks.subscriptions import create_webhook
from tests.scheduler.jobs import claim_some, settle_as, submit_job


def test_only_a_project_with_webhooks_asks_for_them_when_a_job_ends(connections: Connections, project: str) -> None:
    other = create_project(connections.engine, "others")
    create_webhook(connections.engine, other, "https://example.com/", JOB_EVENTS, connections.clock())
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM webhooks" in " ".join(statement.split()) and statement.startswith("SELECT"):
            said.append(statement)

    event.listen(connections.engine, "before_cursor_execute", note)
    counts = []
    for owner in (project, other):
        submit_job(connections, owner, 1)
        settle_as(connections, claim_some(connections), Outcome.DONE)
        counts.append(len(said))

    assert counts == [0, 2]  # when its render ended, and when it did
    with read(connections.engine) as connection:
        assert len(connection.execute(select(WebhookDelivery.id)).all()) == 1
