"""Behind pgbouncer in transaction mode nothing is different: each transaction may meet another session."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select, text

from farm.connections import Connections
from farm.database import make_engine, read, write
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.schema.revisions import current_revision
from farm.schema.upgrade import upgrade
from farm.tables import Project
from tests.databases import PostgresServer
from tests.poolers import SERVERS, pgbouncer
from tests.scheduler.jobs import assert_invariants_hold, claim_some, settle_as, statuses, submit_job
from tests.scheduler.test_everybody_at_once import test_everybody_at_once_leaves_the_counters_right

__all__ = ["test_everybody_at_once_leaves_the_counters_right"]


@pytest.fixture(scope="module", params=["debian", "newer"])
def pooler(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    with pgbouncer(request.param, postgres_server) as pooler:
        yield pooler


@pytest.fixture
def name(postgres_server: PostgresServer) -> str:
    """A database without a schema."""
    name = f"pooled_{new_id().replace('-', '')}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def empty_url(pooler: PostgresServer, name: str) -> str:
    """Its address behind the pooler."""
    return pooler.url(name)


@pytest.fixture
def database_url(empty_url: str) -> str:
    """A migrated database; it was migrated through the pooler."""
    upgrade(empty_url)
    return empty_url


def test_statements_that_are_sent_again_and_again_find_no_other_sessions_plans(database_url: str) -> None:
    engines = [make_engine(database_url, connections=3) for _ in range(3)]

    def ask(number: int) -> int:
        engine = engines[number % 3]
        with write(engine) as connection:
            connection.execute(select(Project).where(Project.name == str(number))).all()
            return int(connection.scalar(text("SELECT :number + 0").bindparams(number=number)) or 0)

    with ThreadPoolExecutor(9) as threads:
        assert list(threads.map(ask, range(540))) == list(range(540))
    for engine in engines:
        engine.dispose()


def test_only_a_connection_without_a_pooler_keeps_plans(
    database_url: str, postgres_server: PostgresServer, name: str
) -> None:
    for url, kept in ((database_url, False), (postgres_server.url(name), True)):
        engine = make_engine(url)
        with read(engine) as connection:
            for _ in range(10):
                connection.execute(select(Project).where(Project.name == "any")).all()
            assert bool(connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))) is kept
        engine.dispose()


def test_migrations_of_several_processes_run_one_after_the_other(empty_url: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        revisions = set(threads.map(upgrade, [empty_url] * 3))
    engine = make_engine(empty_url)
    assert revisions == {current_revision(engine)}
    engine.dispose()


def test_many_workers_claim_and_settle_each_render_once(connections: Connections, project: str) -> None:
    job = submit_job(connections, project, 200)
    claimed: list[str] = []
    lock = threading.Lock()

    def work(_: int) -> None:
        while renders := claim_some(connections, 4):
            with lock:
                claimed.extend(render.id for render in renders)
            assert len(settle_as(connections, renders, Outcome.DONE).accepted) == len(renders)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    assert len(claimed) == len(set(claimed)) == 200
    assert set(statuses(connections, job)) == {"done"}
    assert_invariants_hold(connections, job)


def test_what_a_claim_asks_of_the_planner_is_over_with_it(connections: Connections, project: str) -> None:
    submit_job(connections, project, 20)
    for _ in range(2 * SERVERS):
        claim_some(connections, 1)

    assert _settings_of_all_sessions(connections.engine) == {("on", "on", "on", "on")}


def _settings_of_all_sessions(engine: Engine) -> set[tuple[str, ...]]:
    """The planner's settings in every session that the pooler keeps: it is asked by as many at once."""
    names = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "synchronous_commit")
    asked = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    together = threading.Barrier(SERVERS)

    def ask(_: int) -> tuple[str, ...]:
        with read(engine) as connection:
            found = connection.execute(asked).one()
            together.wait(240)
            return tuple(found)

    with ThreadPoolExecutor(SERVERS) as threads:
        return set(threads.map(ask, range(SERVERS)))
