"""A picture does not wait behind ten thousand others: real workers, real models."""

import pytest

from farm.accounts import create_key, create_project
from farm.client import FarmClient
from tests.end_to_end.farms import RunningFarm
from tests.waiting import eventually

#: A size that nothing else of the shared farm has: of others the farm may know by now that few share a batch.
FRESH = {"width": 160, "height": 160}


def neighbour(farm: RunningFarm, name: str) -> FarmClient:
    """A client of another project."""
    engine = farm.connections.engine
    return FarmClient(farm.client.url, create_key(engine, create_project(engine, name), name="tests").secret)


def test_a_picture_joins_the_batch_that_another_project_is_rendering(farm: RunningFarm) -> None:
    with neighbour(farm, "joins") as other:
        for _ in range(5):  # on a fast machine the batch may be over before the picture is submitted
            # Given a worker in the middle of two renders, with slots left beside them
            running = farm.client.submit("sana-demo", "a blue square", seed_count=2, num_inference_steps=50, **FRESH)
            farm.when_stepping(running.id)

            # When another project submits one of the same shape
            picture = other.submit("sana-demo", "a red circle", seed=1, **FRESH)
            other.wait(picture.id, timeout=600)
            farm.client.wait(running.id, timeout=600)
            farm.assert_nothing_lost_or_doubled(running.id, renders=2)

            # Then it was claimed into the running batch
            [mine] = farm.attempts(picture.id)
            if {row.batch_id for row in farm.attempts(running.id)} == {mine.batch_id}:
                break
    assert mine.batch_id in {row.batch_id for row in farm.attempts(running.id)}
    assert mine.batch_size == 3


@pytest.mark.long
def test_a_picture_behind_ten_thousand_is_in_the_next_claim_but_one(farm: RunningFarm) -> None:
    # Given a worker that renders ten thousand of one project
    bulk = farm.client.submit("sana-demo", "a green triangle", seed_count=10_000, num_inference_steps=50)
    farm.when_stepping(bulk.id)

    # When another project submits one picture
    with neighbour(farm, "one-picture") as other:
        picture = other.submit("sana-demo", "a yellow star", seed=1)
        [render] = eventually(lambda: [row for row in farm.renders(picture.id) if row.status != "pending"])
        farm.client.cancel(bulk.id)
        other.wait(picture.id, timeout=600)

    # Then at most one other batch was claimed between its submission and its own claim
    [mine] = farm.attempts(picture.id)
    between = {
        row.batch_id
        for row in farm.attempts(bulk.id)
        if render.created_at < row.started_at < mine.started_at and row.batch_id != mine.batch_id
    }
    assert len(between) <= 1
