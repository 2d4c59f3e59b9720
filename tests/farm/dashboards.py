"""The real dashboard for tests of the client and the command line: its Flask application on a real port, over SQLite,
Valkey and S3. Work is done by a hand of the test's: it claims and settles as a worker does, and draws the pictures."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

from pydantic import SecretStr
from werkzeug.serving import make_server

from dashboard.app import create_app
from dashboard.live_updates import PUMP
from farm.accounts import create_key, create_project
from farm.client import FarmClient
from farm.clock import system_clock
from farm.connections import Connections
from farm.demo.scenes import Scene, draw_picture
from farm.ids import new_id
from farm.lifecycle import Outcome, WorkerStatus
from farm.progress import StepProgress
from farm.settings import Settings
from farm.storage_keys import ArtifactKind, artifact_key, checkpoint_name
from scheduler.claims.claim_batch import ClaimedRender, Claimer, claim
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.fleet.worker_registry import WorkerReport, beat, sign_on
from scheduler.leases.settle import Output, Settlement, settle
from tests.servers import S3

POOL = "sana-demo-local"
SCENE = Scene("circle", "red", "blue", "centre", "large")


@dataclass
class DashboardFarm:
    """A farm whose dashboard runs at `url`, seen by one project; `work` does what is pending."""

    url: str
    connections: Connections
    worker_id: str
    key: str = ""
    project_id: str = ""

    @contextmanager
    def new_project(self) -> Iterator["DashboardFarm"]:
        """The same farm for a project of its own; what it leaves undone is cancelled."""
        engine = self.connections.engine
        project_id = create_project(engine, f"project {new_id()}")
        key = create_key(engine, project_id, name="tests").secret
        yield replace(self, key=key, project_id=project_id)
        with FarmClient(self.url, key) as client:
            for job in client.jobs(status="open"):
                client.cancel(job.id)

    def picture(self) -> bytes:
        file = io.BytesIO()
        draw_picture(SCENE).save(file, "PNG")
        return file.getvalue()

    def take(self, capacity: int = 8, pool: str = POOL) -> list[ClaimedRender]:
        """Claim a batch, as a worker of the pool does."""
        claimed = claim(
            self.connections.engine,
            Claimer(pool, self.worker_id, 60),
            capacity=capacity,
            now=system_clock(),
        )
        return claimed.renders if claimed else []

    def step(self, renders: list[ClaimedRender], step: int) -> None:
        """Report progress, as a worker does."""
        self.connections.progress.report(
            [
                StepProgress(
                    job_id=render.job_id,
                    project_id=render.project_id,
                    render_id=render.id,
                    phase="stepping",
                    step=step,
                    steps=20,
                )
                for render in renders
            ]
        )

    def finish(self, renders: list[ClaimedRender], outcome: Outcome = Outcome.DONE) -> None:
        """Upload the pictures and settle, as a worker does."""
        settlements = [
            Settlement(
                render.id,
                render.attempt,
                outcome,
                reason=None if outcome in (Outcome.DONE, Outcome.DRAFTED) else "the paint ran out",
                gpu_seconds=0.5,
                artifacts=self._upload(render, outcome),
            )
            for render in renders
        ]
        settled = settle(self.connections.engine, settlements, system_clock(), max_failures=1)
        self.connections.progress.announce(*settled.jobs)

    def finish_as(self, render: ClaimedRender, name: str, content_type: str, content: bytes) -> None:
        """Upload this as the output, and settle."""
        key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, name)
        output = Output(ArtifactKind.OUTPUT, self.connections.storage.put(key, content, content_type), 64, 64, 9)
        done = Settlement(render.id, render.attempt, Outcome.DONE, gpu_seconds=0.5, artifacts=[output])
        settled = settle(self.connections.engine, [done], system_clock(), max_failures=1)
        self.connections.progress.announce(*settled.jobs)

    def work(self, outcome: Outcome = Outcome.DONE) -> None:
        """Do all that is pending."""
        while renders := self.take():
            self.step(renders, 10)
            self.finish(renders, outcome)

    def _upload(self, render: ClaimedRender, outcome: Outcome) -> list[Output]:
        picture, files = self.picture(), []
        if outcome is Outcome.DONE:
            files = [(ArtifactKind.OUTPUT, "output.png", "image/png", picture)]
            files.append((ArtifactKind.MANIFEST, "manifest.json", "application/json", b'{"of": "test"}'))
        elif outcome is Outcome.DRAFTED:
            files = [(ArtifactKind.DRAFT, "draft.png", "image/png", picture)]
            files.append((ArtifactKind.CHECKPOINT, checkpoint_name(6), "application/x-safetensors", b"state"))
        stored = []
        for kind, name, content_type, content in files:
            key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, name)
            file = self.connections.storage.put(key, content, content_type)
            assert file.sha256 == sha256(content).hexdigest()
            stored.append(Output(kind, file, 128, 128, 1))
        return stored


@contextmanager
def dashboard_farm(database_url: str, valkey_url: str, s3: S3) -> Iterator[DashboardFarm]:
    """Runs until the tests are over."""
    settings = Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(valkey_url),
        s3_endpoint_url=s3.s3_endpoint_url,
        s3_access_key_id=s3.s3_access_key_id,
        s3_secret_access_key=s3.s3_secret_access_key,
        s3_bucket=s3.s3_bucket,
        secret_key=SecretStr("of the tests"),
        idle_poll_seconds=0.2,
    )
    with Connections.open(settings) as connections:
        sync_catalog(connections.engine, connections.catalog, system_clock())
        worker_id = new_id()
        here = {"host": "here", "pid": 1, "now": system_clock()}
        sign_on(connections.engine, worker_id=worker_id, pool=POOL, model="sana-demo", **here)
        beat(connections.engine, WorkerReport(worker_id, WorkerStatus.IDLE, "cpu"), now=system_clock())
        app = create_app(connections)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield DashboardFarm(f"http://127.0.0.1:{server.server_port}", connections, worker_id)
        finally:
            app.extensions[PUMP].close()
            server.shutdown()
            server.server_close()
            thread.join()
