"""Quotes: what a request would be, cost and take; what can never run is refused."""

import pytest
from sqlalchemy import update

from farm.catalog import Catalog, PoolEntry
from farm.connections import Connections
from farm.database import read, write
from farm.errors import InvalidRequest, NotFound
from farm.ids import new_id
from farm.lifecycle import WorkerStatus
from farm.params import JobRequest
from farm.tables import Job, Pool
from scheduler.admission.quote import quote
from scheduler.fleet.catalog_sync import sync_catalog
from tests.scheduler.jobs import POOL, sign_on, submit_job


def asked(**fields: object) -> JobRequest:
    return JobRequest.model_validate({"model": "sana-demo", "prompt": "a red circle", "seed": 1} | fields)


def with_pool(connections: Connections, **changes: object) -> None:
    """The demo model's pool with other properties, in the catalog and in SQL."""
    old = connections.catalog
    pool = PoolEntry.model_validate(old.pool(POOL).model_dump() | changes)
    connections.catalog = Catalog(old.models, old.pools | {POOL: pool}, old._merged)
    sync_catalog(connections.engine, connections.catalog, connections.clock())


def test_a_quote_counts_renders_and_shapes_and_admits_nothing(connections: Connections, project: str) -> None:
    told = quote(
        connections,
        project_id=project,
        request=asked(seed=None, seeds=[1, 2, 3], prompt=["a red circle", "a blue square"]),
    )

    assert (told.renders, [(shape.width, shape.height, shape.renders) for shape in told.shapes]) == (6, [(128, 128, 6)])
    assert told.gpu_seconds.low < told.gpu_seconds.likely < told.gpu_seconds.high
    with read(connections.engine) as connection:
        assert connection.execute(Job.__table__.select()).first() is None


def test_money_and_energy_are_those_of_the_pool(connections: Connections, project: str) -> None:
    with_pool(connections, price_per_hour=7.2, watts=400.0)

    told = quote(connections, project_id=project, request=asked())

    assert told.money == pytest.approx(told.gpu_seconds.likely / 3600 * 7.2)
    assert told.watt_hours == pytest.approx(told.gpu_seconds.likely / 3600 * 400)
    assert told.currency == connections.settings.currency


def test_with_a_worker_it_says_when_and_without_one_that_none_is_there(connections: Connections, project: str) -> None:
    without = quote(connections, project_id=project, request=asked())
    assert (without.starts_in, without.done_in) == (None, None)
    assert "No worker for sana-demo is running" in without.notices[0]

    sign_on(connections)
    first = quote(connections, project_id=project, request=asked())
    submit_job(connections, project, 50)
    behind = quote(connections, project_id=project, request=asked())

    assert not first.notices
    assert first.starts_in is not None
    assert first.starts_in.likely == 0
    assert first.done_in is not None
    assert behind.starts_in is not None
    assert behind.starts_in.likely > 0
    assert behind.done_in is not None
    assert behind.done_in.likely > first.done_in.likely


def test_a_starting_worker_is_waited_for(connections: Connections, project: str) -> None:
    sign_on(connections, status=WorkerStatus.STARTING)

    told = quote(connections, project_id=project, request=asked())

    assert told.starts_in is not None
    assert 0 < told.starts_in.likely <= 60
    assert "starting" in told.notices[0]


def test_a_paused_pool_is_said(connections: Connections, project: str) -> None:
    sign_on(connections)
    with write(connections.engine) as connection:
        connection.execute(update(Pool).values(paused_at=1.0))

    told = quote(connections, project_id=project, request=asked())

    assert told.starts_in is None
    assert "paused" in told.notices[0]


def test_a_model_that_no_pool_serves_is_refused_at_quote_and_submission(connections: Connections, project: str) -> None:
    request = JobRequest.model_validate({"model": "sana-1600m-1024px", "prompt": "a cat", "seed": 1})
    with pytest.raises(InvalidRequest, match="No pool of this farm serves"):
        quote(connections, project_id=project, request=request)
    with pytest.raises(InvalidRequest, match="No pool of this farm serves"):
        submit_job(connections, project, 1, model="sana-1600m-1024px")


def test_a_model_that_is_too_large_for_every_worker_is_refused(connections: Connections, project: str) -> None:
    with_pool(connections, memory_gb=0.0001)
    with pytest.raises(InvalidRequest, match="of memory, and no worker has it"):
        submit_job(connections, project, 1)


def test_no_worker_now_is_a_notice_not_a_refusal(connections: Connections, project: str) -> None:
    submit_job(connections, project, 1)


def test_an_unknown_project_is_not_found(connections: Connections) -> None:
    with pytest.raises(NotFound):
        quote(connections, project_id=new_id(), request=asked())
