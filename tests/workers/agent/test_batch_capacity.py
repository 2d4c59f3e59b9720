"""How many renders a worker asks for at once: what memory allowed is known also after a restart."""

from collections.abc import Iterator
from typing import Any

import pytest

from farm.catalog import Catalog
from farm.catalog.pool import PoolEntry
from farm.connections import Connections
from farm.settings import Settings
from scheduler.batching.batch_curves import Shape
from scheduler.batching.batch_size_per_pass import CurvePoint
from scheduler.batching.memory_limits import LIFE_SECONDS
from scheduler.claims.claim_transaction import Head
from scheduler.fleet.catalog_sync import sync_catalog
from tests.scheduler.conftest import TestClock, catalog, clock, connect
from tests.scheduler.jobs import LANE, POOL
from workers.agent.batch_capacity import BatchCapacity

__all__ = ["catalog", "clock"]

LARGE, SMALL = Shape(1024, 1024, 1), Shape(512, 512, 1)
DEVICE = "NVIDIA H100 80GB HBM3"


@pytest.fixture
def connections(settings: Settings, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    with connect(settings, catalog, clock) as opened:
        sync_catalog(opened.engine, opened.catalog, clock())
        yield opened


@pytest.fixture
def settings(database_url: str, tmp_path: object) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url)


def started(connections: Connections, device: str = DEVICE, **settings: Any) -> BatchCapacity:
    """A worker of the pool that has just started, with room for eight renders."""
    pool = PoolEntry.model_validate(connections.catalog.pool(POOL).model_dump() | {"max_batch": 8} | settings)
    sizes = BatchCapacity(connections, lane=LANE, pool=pool)
    sizes.refresh(device)
    return sizes


def find(connections: Connections, shape: Shape, renders: int, **settings: Any) -> None:
    """Let a worker run out of memory with more than so many renders, and look again before it ends."""
    sizes = started(connections, **settings)
    sizes.memory_fits(shape, renders)
    sizes._read_at = float("-inf")
    sizes.refresh(DEVICE)


def most(sizes: BatchCapacity, shape: Shape) -> int:
    return sizes(Head("r", LANE, "f", "normal", "k", shape.width, shape.height, shape.frames, None, 0.0))


def test_what_memory_allowed_is_known_to_the_next_worker(connections: Connections) -> None:
    find(connections, LARGE, 3)
    again = started(connections)
    assert (most(again, LARGE), most(again, SMALL)) == (3, 8)


def test_a_smaller_limit_replaces_the_larger_one(connections: Connections) -> None:
    find(connections, LARGE, 5)
    find(connections, LARGE, 2)
    assert most(started(connections), LARGE) == 2


def test_other_devices_and_other_places_of_weights_have_limits_of_their_own(connections: Connections) -> None:
    find(connections, LARGE, 3)
    assert most(started(connections, device="NVIDIA A100"), LARGE) == 8
    assert most(started(connections, offload="blocks"), LARGE) == 8


def test_a_limit_is_tried_again_after_a_day(connections: Connections, clock: TestClock) -> None:
    find(connections, LARGE, 3)
    clock.forward(LIFE_SECONDS + 1)
    assert most(started(connections), LARGE) == 8


def test_a_limit_holds_at_once_where_it_was_found(connections: Connections) -> None:
    sizes = started(connections)
    sizes.memory_fits(LARGE, 4)
    assert most(sizes, LARGE) == 4


@pytest.mark.parametrize(("shared", "is_slowed"), [(1.4, False), (4.0, True)])
def test_a_head_is_slowed_by_others_where_passes_with_them_were_measured_to_take_much_longer(
    connections: Connections, shared: float, is_slowed: bool
) -> None:
    head = Head("r", LANE, "f", "urgent", "k", SMALL.width, SMALL.height, SMALL.frames, None, 0.0)
    sizes = started(connections)
    assert not sizes.slowed(head), "nobody knows yet"
    sizes._curves = {SMALL: [CurvePoint(1, 1.0, 10), CurvePoint(8, shared, 10)]}
    assert sizes.slowed(head) is is_slowed
