"""A whole farm with one demo worker, as `farm up` starts it: what `efficiency` and `mixed_traffic` measure."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from farm.client import FarmClient
from farm.connections import Connections
from farm.database import read
from farm.local.stack import LocalStack
from farm.settings import Settings
from farm.tables import Attempt, Render
from tests.end_to_end.farms import RunningFarm

MODEL, POOL = "sana-demo", "sana-demo-local"
#: One pass of one such picture takes 60 ms on one core here, more than everything around it.
PICTURE = {"width": 320, "height": 320, "num_inference_steps": 20}
_ONLY = """models:
  sana-demo:
    limits: {width: [64, 320], height: [64, 320], max_pixels: 102400}
pools:
  sprint-demo-local: {workers: 0, scaling: null}
  wan-demo-local: {workers: 0, scaling: null}
"""


@contextmanager
def one_worker(workers: Mapping[str, int] = MappingProxyType({POOL: 1}), **more: Any) -> Iterator[RunningFarm]:
    """The farm, started, in a folder that is removed; children find no other pools. `more`: settings."""
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
        overlay = Path(folder) / "pools.yaml"
        overlay.write_text(_ONLY)
        settings = Settings(data_dir=Path(folder) / "data", catalog=[overlay], dashboard_port=0, **more)
        with (
            LocalStack(settings, workers=workers, notify=lambda text: None) as stack,
            Connections.open(stack.settings) as connections,
            FarmClient(stack.url, stack.key) as client,
        ):
            yield RunningFarm(stack, client, connections)


def batches_of(farm: RunningFarm, job_id: str) -> list[list[dict[str, object]]]:
    """The parameters of a job's renders, in the batches in which they were claimed, in their order."""
    statement = (
        select(Attempt.batch_id, Attempt.started_at, Render.parameters)
        .join(Render, Render.id == Attempt.render_id)
        .where(Render.job_id == job_id)
        .order_by(Attempt.started_at, Render.index)
    )
    found: dict[tuple[str, float], list[dict[str, object]]] = {}
    with read(farm.connections.engine) as connection:
        for row in connection.execute(statement):
            found.setdefault((row.batch_id, row.started_at), []).append(row.parameters)
    return list(found.values())


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))
