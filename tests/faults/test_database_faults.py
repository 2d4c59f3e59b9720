"""The connection to PostgreSQL is cut at every answer in turn: the client cannot know what became of what it asked.

The proxy passes some answers on, swallows the next and resets the connection. With one more at each round, until a
round is over before it comes to that, every place is tried, the one between a commit and its answer among them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.database import make_engine, read
from farm.lifecycle import Outcome
from farm.params import JobRequest
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind
from farm.tables import Job
from scheduler.admission.submit import submit
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.leases.settle import Output, Settlement
from tests.databases import PostgresServer
from tests.faults.tcp_proxy import TcpProxy, tcp_proxy
from tests.scheduler.conftest import TestClock
from tests.scheduler.invariants import Snapshot, breaches
from tests.scheduler.jobs import POOL, attempt_rows, claim_some, reap_lost, settle_as, sign_on, statuses, submit_job
from workers.agent.leased_renders import LeasedRenders
from workers.agent.settler import Settler

pytestmark = [pytest.mark.long, pytest.mark.parametrize("database", ["postgresql"], indirect=True)]
#: No statement of these takes more answers.
MOST = 60


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[TcpProxy]:
    with tcp_proxy(postgres_server.socket_dir / f".s.PGSQL.{postgres_server.port}") as opened:
        yield opened


@pytest.fixture
def behind(connections: Connections, proxy: TcpProxy) -> Iterator[Connections]:
    """The same farm, whose database is reached through the proxy."""
    name = connections.engine.url.database
    engine = make_engine(f"postgresql://farm@127.0.0.1:{proxy.port}/{name}?sslmode=disable&gssencmode=disable")
    yield replace(connections, engine=engine)
    engine.dispose()


def cut_at_every_answer(proxy: TcpProxy, behind: Connections, act: Callable[[], None]) -> int:
    """Do it again and again, cut one answer later each time, until it is over before that; how many cuts there were."""
    for answers in range(MOST):
        with read(behind.engine):
            pass  # a connection that works, so that its start is not what is cut
        before = proxy.cuts
        proxy.swallow_after(answers)
        act()
        proxy.stop_swallowing()
        if proxy.cuts == before:
            return proxy.cuts
    raise AssertionError(f"more than {MOST} answers")


def test_a_connection_cut_at_any_answer_of_a_settle_settles_once(
    connections: Connections, behind: Connections, proxy: TcpProxy, project: str
) -> None:
    jobs = []

    def settle_one() -> None:
        jobs.append(submit_job(connections, project, 2))
        worker_id = sign_on(connections)
        claimed = claim_some(connections, worker_id=worker_id)
        held = LeasedRenders()
        held.take("batch", claimed)
        settler = Settler(behind, held, worker_id=worker_id, pool=POOL)
        assert settler.settle([done(render) for render in claimed]) == {render.id for render in claimed}

    cuts = cut_at_every_answer(proxy, behind, settle_one)

    assert cuts > 3
    for job in jobs:
        assert statuses(connections, job) == ["done", "done"]
        assert [row["number"] for row in attempt_rows(connections, job)] == [1, 1]
    assert breaches(Snapshot(connections.engine)) == []


def test_a_connection_cut_at_any_answer_of_a_claim_loses_no_render(
    connections: Connections, behind: Connections, proxy: TcpProxy, project: str, clock: TestClock
) -> None:
    job = submit_job(connections, project, 3)

    def claim_one() -> None:
        try:
            claimed = claim_some(behind, capacity=1)
        except DBAPIError:
            claimed = []  # whether it holds one it cannot know
        settle_as(connections, claimed, Outcome.RETURNED)

    cuts = cut_at_every_answer(proxy, behind, claim_one)

    assert cuts > 3
    clock.forward(3600)
    reap_lost(connections, clock)
    settle_as(connections, claim_some(connections), Outcome.DONE)
    assert statuses(connections, job) == ["done"] * 3
    assert breaches(Snapshot(connections.engine)) == []


def test_a_submission_cut_at_any_answer_and_sent_again_is_one_job(
    connections: Connections, behind: Connections, proxy: TcpProxy, project: str
) -> None:
    keys = []

    def submit_one() -> None:
        keys.append(f"key-{len(keys)}")
        request = JobRequest.model_validate({"model": "sana-demo", "prompt": "a red circle", "seeds": [1, 2]})
        told = []
        for _ in range(3):
            try:
                made = submit(
                    behind,
                    project_id=project,
                    user_id=None,
                    request=request,
                    idempotency_key=keys[-1],
                    body_sha256="0" * 64,
                )
            except DBAPIError:
                continue  # a client sends it again
            told.append(made.job_id)
        assert len(set(told)) == 1

    cuts = cut_at_every_answer(proxy, behind, submit_one)

    assert cuts > 3
    with read(connections.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Job)) == len(keys)
    assert breaches(Snapshot(connections.engine)) == []


def done(render: ClaimedRender) -> Settlement:
    file = StoredFile(f"{render.id}/{render.attempt}.png", "image/png", 1, "0" * 64)
    return Settlement(render.id, render.attempt, Outcome.DONE, artifacts=[Output(ArtifactKind.OUTPUT, file)])
