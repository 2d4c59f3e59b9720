"""A farm for the tests of this folder: the real stack that `farm up` starts, and a look into its database."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from PIL import Image
from sqlalchemy import select

from farm.client import FarmClient, Job
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import ENDED, WorkerStatus
from farm.local.stack import LocalStack
from farm.settings import Settings
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Attempt, Event, Render, Worker
from scheduler.control.pause_pool import pause_pool, resume_pool
from tests.waiting import eventually

__all__ = ["RunningFarm", "engine_of", "quick_settings", "running_farm"]

#: One worker a pool, whatever the tests before have queued; the autoscaler starts it again where it was drained.
ONE_EACH = "".join(
    f"  {pool}: {{scaling: {{minimum: 1, maximum: 1}}}}\n"
    for pool in ("sana-demo-local", "sprint-demo-local", "wan-demo-local")
)


@dataclass
class RunningFarm:
    """A started farm: its client, its processes, and its database read directly."""

    stack: LocalStack
    client: FarmClient
    connections: Connections

    def submit_and_wait(self, model: str, prompt: str | list[str], **parameters: Any) -> Job:
        job = self.client.submit(model, prompt, **parameters)
        return self.client.wait(job.id, timeout=600)

    def renders(self, job_id: str) -> list[Any]:
        with read(self.connections.engine) as connection:
            return list(
                connection.execute(select(Render.__table__).where(Render.job_id == job_id).order_by(Render.index))
            )

    def artifacts(self, job_id: str) -> list[Any]:
        with read(self.connections.engine) as connection:
            return list(
                connection.execute(
                    select(Artifact.__table__)
                    .join(Render, Render.id == Artifact.render_id)
                    .where(Render.job_id == job_id)
                )
            )

    def attempts(self, job_id: str) -> list[Any]:
        with read(self.connections.engine) as connection:
            return list(
                connection.execute(
                    select(Attempt.__table__)
                    .join(Render, Render.id == Attempt.render_id)
                    .where(Render.job_id == job_id)
                )
            )

    def assert_nothing_lost_or_doubled(self, job_id: str, renders: int) -> None:
        """Each render done once: one settled attempt, one output, and the job's counters say the same."""
        job = self.client.job(job_id)
        rows = self.renders(job_id)
        outputs = [row for row in self.artifacts(job_id) if row.kind == ArtifactKind.OUTPUT]
        done = [row for row in self.attempts(job_id) if row.outcome == "done"]
        assert [row.index for row in rows] == list(range(renders))
        assert {row.status for row in rows} == {"done"}
        assert sorted(row.render_id for row in outputs) == sorted(row.id for row in rows)
        assert sorted(row.render_id for row in done) == sorted(row.id for row in rows)
        assert {(row.render_id, row.attempt) for row in outputs} == {(row.render_id, row.number) for row in done}
        assert (job.status, job.total, job.done) == ("done", renders, renders)
        with read(self.connections.engine) as connection:
            versions = connection.scalars(
                select(Event.version).where(Event.job_id == job_id).order_by(Event.version)
            ).all()
        assert versions == list(range(1, job.version + 1))

    def file(self, render_id: str, kind: str) -> bytes:
        """A file of a render, by the link that the API gives."""
        artifact = next(item for item in self.client.find_render(render_id).artifacts if item.kind == kind)
        answer = httpx.get(artifact.url, timeout=30)
        answer.raise_for_status()
        return answer.content

    def manifest(self, render_id: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.file(render_id, "manifest"))
        return document

    def picture(self, render_id: str) -> Image.Image:
        return Image.open(io.BytesIO(self.file(render_id, "output"))).convert("RGB")

    def when_running(self, job_id: str) -> list[Any]:
        """Wait until some renders of the job are leased; those renders."""
        return eventually(lambda: [row for row in self.renders(job_id) if row.status == "running"])

    def when_stepping(self, job_id: str) -> None:
        """Wait until the engine is in the middle of the job: some render has a step behind it and one before it."""
        eventually(
            lambda: any(0 < step.step < step.steps for step in self.connections.progress.snapshot(job_id).values())
        )

    def alive_workers(self, pool: str) -> list[Any]:
        with read(self.connections.engine) as connection:
            rows = connection.execute(
                select(Worker.__table__).where(Worker.pool == pool, Worker.status != WorkerStatus.GONE)
            ).all()
        return [row for row in rows if psutil.pid_exists(row.pid)]

    def kill_engine(self, worker_pid: int) -> None:
        """kill -9 of the engine process of a worker."""
        engine_of(worker_pid).kill()

    @contextmanager
    def pool_paused(self, pool: str) -> Iterator[None]:
        """What is submitted meanwhile waits, so that it is all there at the next claim."""
        pause_pool(self.connections, pool)
        try:
            yield
        finally:
            resume_pool(self.connections, pool)

    @property
    def redis_url(self) -> str:
        url = self.connections.settings.redis_url
        assert url is not None
        return url.get_secret_value()

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "farm"]

    @property
    def user_environment(self) -> dict[str, str]:
        """What a user of this farm has in his shell."""
        return {**os.environ, "FARM_URL": self.stack.url, "FARM_KEY": self.stack.key}

    def all_ended(self, job_id: str) -> bool:
        return all(row.status in ENDED for row in self.renders(job_id))


def engine_of(worker_pid: int) -> psutil.Process:
    """The engine of a worker: its child, or forked for it by the machine's fork server."""
    for child in psutil.Process(worker_pid).children(recursive=True):
        if "workers.engine.process" in child.cmdline():
            return child
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == f"engine-{worker_pid}" and process.info["status"] != psutil.STATUS_ZOMBIE:
            return process
    raise AssertionError(f"worker {worker_pid} has no engine process")


def quick_settings(folder: Path) -> Settings:
    """Leases and polls short enough that a test need not wait long for what takes half a minute in production."""
    folder.mkdir(parents=True, exist_ok=True)
    overlay = folder.with_name(f"{folder.name}-pools.yaml")
    overlay.write_text(f"pools:\n{ONE_EACH}")
    return Settings(
        data_dir=folder,
        catalog=[overlay],
        dashboard_port=0,
        lease_seconds=6,
        heartbeat_seconds=1,
        idle_poll_seconds=0.5,
        supervise_seconds=0.5,
        worker_gone_seconds=10,
        drain_seconds=2,
    )


def running_farm(folder: Path, settings_of: Callable[[Path], Any], **options: Any) -> Iterator[RunningFarm]:
    """Start a farm on a folder, and stop it afterwards."""
    with (
        LocalStack(settings_of(folder), **options) as stack,
        Connections.open(stack.settings) as connections,
        FarmClient(stack.url, stack.key) as client,
    ):
        yield RunningFarm(stack, client, connections)
