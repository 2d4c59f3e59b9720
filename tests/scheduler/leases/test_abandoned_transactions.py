"""A client that is lost in the middle of a transaction holds nobody up for long: its locks are taken from it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import OperationalError

from farm.connections import Connections
from farm.database import make_engine, snapshot, write
from farm.ids import new_id
from farm.tables import Attempt, Lease, Render
from scheduler.leases import abandoned_transactions
from scheduler.maintenance.supervisor import LEASE, Supervisor, new_duties
from tests.scheduler.conftest import TestClock
from tests.scheduler.farms import SmallFarm
from tests.waiting import eventually

#: So short that nothing has to be waited for.
AT_ONCE = 0.0
_LEFT_OPEN = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%' "
    "AND backend_xid IS NOT NULL"
)


@pytest.fixture
def postgresql(connections: Connections) -> Connections:
    if connections.engine.dialect.name != "postgresql":
        pytest.skip("a lock of SQLite ends with its process")
    return connections


@pytest.fixture
def lost(postgresql: Connections) -> Iterator[Connection]:
    """A session of the farm's, as another process has it."""
    engine = make_engine(postgresql.settings)
    with engine.connect() as connection:
        yield connection
        connection.invalidate()
    engine.dispose()


def end(connections: Connections) -> int:
    """One pass of the duty. The server tells sessions to end and does not wait until they have."""
    ended = abandoned_transactions.one_pass(connections, connections.clock(), AT_ONCE)
    if ended:
        eventually(lambda: not _left_open(connections))
    return ended


def _left_open(connections: Connections) -> int:
    with snapshot(connections.engine) as connection:
        left: int = connection.execute(_LEFT_OPEN).scalar_one()
    return left


def test_renders_that_a_lost_worker_had_locked_can_be_claimed(postgresql: Connections, lost: Connection) -> None:
    farm = SmallFarm(postgresql.engine)
    _, ids = farm.submit(2)
    lost.execute(select(Render.id).where(Render.id.in_(ids)).with_for_update())
    # Several rows in one call, which psycopg sends as a pipeline: PostgreSQL's own bound no longer holds after it.
    lost.execute(
        insert(Attempt),
        [{"render_id": render_id, "number": 1, "worker_id": new_id(), "pool": "p", "batch_id": new_id(),
          "batch_size": 2, "started_at": 0.0} for render_id in ids],
    )  # fmt: skip
    assert farm.claim(capacity=2) is None

    assert end(postgresql) == 1

    claim = farm.claim(capacity=2)
    assert claim is not None
    assert sorted(render.id for render in claim.renders) == sorted(ids)
    with pytest.raises(OperationalError):
        lost.execute(select(Render.id))


def test_what_only_reads_or_works_or_is_of_others_goes_on(postgresql: Connections, lost: Connection) -> None:
    other = make_engine(postgresql.settings.database_url.get_secret_value() + "&application_name=another")
    with snapshot(postgresql.engine) as backup, write(other) as another:
        backup.execute(select(Render.id))
        another.execute(text("SELECT pg_advisory_xact_lock(1)"))
        another.execute(update(Lease).values(until=0.0))
        another.execute(text("SELECT pg_current_xact_id()"))

        assert end(postgresql) == 0

        backup.execute(select(Render.id))
        another.execute(select(Render.id))
    lost.execute(text("SELECT pg_current_xact_id()"))
    assert abandoned_transactions.one_pass(postgresql, postgresql.clock()) == 0, "it is quiet for less than a minute"
    lost.execute(select(Render.id))
    other.dispose()


def test_another_supervisor_takes_over_from_one_that_was_lost_with_its_lease_locked(
    postgresql: Connections, lost: Connection, clock: TestClock
) -> None:
    duty = replace(new_duties()[0], one_pass=lambda connections, _: end(connections))
    first, second = (Supervisor(postgresql, [duty]) for _ in range(2))
    first.one_round()
    lost.execute(update(Lease).where(Lease.name == LEASE).values(until=Lease.until))
    lost.execute(text("SELECT 1"))

    for _ in range(3):
        clock.forward(20.0)
        second.one_round()

    assert second.acts


def test_on_sqlite_there_is_nothing_to_end(connections: Connections) -> None:
    if connections.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has sessions")
    with write(connections.engine) as connection:
        connection.execute(update(Lease).values(until=0.0))
        assert end(connections) == 0
