"""The farm grows with its work and shrinks when it is done, also when the scheduler dies in between."""

from pathlib import Path

import pytest
from sqlalchemy import select

from farm.client import FarmClient
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.local.stack import LocalStack
from farm.settings import Settings
from farm.tables import Pool, ScaleDecision, Worker
from tests.end_to_end.farms import quick_settings
from tests.waiting import eventually

POOL = "sana-demo-local"
#: It wants a second worker for little, and releases it soon.
CATALOG = f"""
pools:
  {POOL}:
    scaling: {{minimum: 1, maximum: 2, target_seconds: 2, startup_seconds: 2, cooldown_seconds: 4}}
"""


@pytest.fixture
def scaled(tmp_path: Path) -> Settings:
    """Settings of a farm that decides every two seconds."""
    (tmp_path / "pools.yaml").write_text(CATALOG)
    quick = {"autoscale_seconds": 2, "catalog": [tmp_path / "pools.yaml"]}
    return quick_settings(tmp_path / "data").model_copy(update=quick)


@pytest.mark.long
def test_a_pool_grows_with_its_work_and_shrinks_again_and_loses_nothing(scaled: Settings) -> None:
    # Given a farm with one worker
    others = {"sprint-demo-local": 0, "wan-demo-local": 0}
    with LocalStack(scaled, workers=others) as stack, FarmClient(stack.url, stack.key) as client:

        def workers() -> int:
            with read(stack.engine) as connection:
                alive = select(Worker.id).where(Worker.pool == POOL, Worker.status.in_(["idle", "rendering"]))
                return len(connection.execute(alive).all())

        def desired() -> int | None:
            with read(stack.engine) as connection:
                return connection.scalar(select(Pool.desired).where(Pool.name == POOL))

        assert workers() == 1

        # When much is to be done, then a second worker is wanted
        # So much that a second worker pays also where starting one takes half a minute: that is measured.
        job = client.submit("sana-demo", "a red circle", seed_count=240, num_inference_steps=30)
        eventually(lambda: desired() == 2)
        # And it starts, though the scheduler has just been killed
        stack.kill("scheduler")
        eventually(lambda: f"worker-{POOL}-2" in stack.names())
        eventually(lambda: workers() == 2, timeout=120)

        # When all is done, then one of them ends, in order, and is not started again
        done = client.wait(job.id, timeout=600)
        assert (done.status, done.done) == ("done", 240)
        eventually(lambda: (desired(), workers()) == (1, 1))
        eventually(lambda: sum(name.startswith("worker-") for name in stack.names()) == 1)
        with read(stack.engine) as connection:
            changes = select(ScaleDecision.before, ScaleDecision.after).where(ScaleDecision.pool == POOL)
            # The first decision may have come before the first worker had signed on.
            rows = connection.execute(changes.order_by(ScaleDecision.at))
            assert [tuple(row) for row in rows][-2:] == [(1, 2), (2, 1)]
            ended = select(Worker.engine_restarts, Worker.last_error).where(Worker.status == WorkerStatus.GONE)
            assert [tuple(row) for row in connection.execute(ended)] == [(0, None)]
