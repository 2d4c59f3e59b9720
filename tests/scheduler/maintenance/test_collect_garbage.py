"""`farm gc` removes what nobody knows, and never what a live job needs, whatever happened before and happens beside it.

A real S3 server; a worker claims, stores and settles all the time beside the histories that hypothesis makes up.
Every file counts as old at once: no grace of a day hides a wrong choice.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select
from typer.testing import CliRunner

from farm.cli import build_app
from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.spool_folders import LOCK, PREFIX
from farm.storage import Storage
from farm.storage_keys import ARTIFACTS, INPUTS, ArtifactKind, artifact_key, checkpoint_name, input_key
from farm.tables import Artifact, Base, Input, Job, Render
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.control.cancel import cancel_job
from scheduler.control.delete_job import delete_job
from scheduler.leases.checkpoint_rows import Checkpoint, keep
from scheduler.leases.reap import reap
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.maintenance.old_files import remove_checkpoints, remove_old_jobs
from scheduler.maintenance.old_files.collect_garbage import collect_garbage
from tests.scheduler.conftest import TestClock
from tests.scheduler.farms import SmallFarm
from tests.servers import S3

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
A_WEEK = 7 * 86_400.0


@dataclass
class Holding:
    """A render that a worker believes it holds, and the files that it has stored for it so far."""

    worker_id: str
    render: ClaimedRender
    outputs: list[Output]


class FilesOfAFarm(RuleBasedStateMachine):
    """Users, workers (zombies among them), duties and gc, in any order."""

    def __init__(self, connections: Connections, clock: TestClock) -> None:
        super().__init__()
        self.connections, self.clock = connections, clock
        self.storage = connections.storage
        with write(connections.engine) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
        self.storage.delete([*self.storage.list(ARTIFACTS), *self.storage.list(INPUTS)])
        self.farm = SmallFarm(connections.engine, now=clock())
        self.jobs: list[str] = []
        self.held: list[Holding] = []
        self.steps = 0

    def store(self, render: ClaimedRender, name: str) -> Output:
        key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, name)
        return Output(ArtifactKind.OUTPUT, self.storage.put(key, b"pixels", "image/png"))

    @precondition(lambda self: len(self.jobs) < 4)
    @rule(count=st.integers(1, 3))
    def submit(self, count: int) -> None:
        self.jobs.append(self.farm.submit(count)[0])

    @rule(capacity=st.integers(1, 3))
    def claim(self, capacity: int) -> None:
        worker_id = new_id()
        if claimed := self.farm.claim(capacity, worker_id):
            self.held += [Holding(worker_id, render, []) for render in claimed.renders]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def store_a_file(self, data: st.DataObject) -> None:
        holding = data.draw(st.sampled_from(self.held))
        holding.outputs.append(self.store(holding.render, f"output-{len(holding.outputs)}.png"))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def keep_a_checkpoint(self, data: st.DataObject) -> None:
        """File first, then its row; a zombie's row is void, and its file nobody's."""
        holding = data.draw(st.sampled_from(self.held))
        self.steps += 1
        file = self.store(holding.render, checkpoint_name(self.steps)).file
        checkpoint = Checkpoint(holding.render.id, holding.render.attempt, file)
        kept = keep(self.connections.engine, [checkpoint], worker_id=holding.worker_id, now=self.farm.now)
        self.storage.delete(kept.replaced)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.DONE, Outcome.DONE, Outcome.FAILED, Outcome.RETURNED]))
    def settle(self, data: st.DataObject, outcome: Outcome) -> None:
        holding = data.draw(st.sampled_from(self.held))
        self.held.remove(holding)
        outputs = holding.outputs if outcome is Outcome.DONE else []
        if outcome is Outcome.DONE and not outputs:
            outputs = [self.store(holding.render, "output.png")]
        word = Settlement(holding.render.id, holding.render.attempt, outcome, "so it went", 1.0, outputs)
        settle(self.connections.engine, [word], self.farm.now)

    @rule()
    def lose_all_leases(self) -> None:
        """Who held them goes on as a zombie."""
        self.farm.now = self.clock.forward(31.0)
        reap(self.connections.engine, self.farm.now)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel_and_delete(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(self.jobs))
        self.jobs.remove(job_id)
        with suppress(Conflict):  # it has ended
            cancel_job(self.connections, job_id, self.farm.projects["ada"])
        delete_job(self.connections, job_id, self.farm.projects["ada"], keep_seconds=0)

    @rule()
    def other_duties(self) -> None:
        remove_old_jobs.one_pass(self.connections, self.farm.now)
        remove_checkpoints.one_pass(self.connections, self.farm.now)

    @rule(named=st.booleans())
    def upload(self, named: bool) -> None:
        """A picture with its row, or the file of an upload whose process died before the row."""
        self.farm.flow()
        project = self.farm.projects["ada"]
        row = {"id": new_id(), "project_id": project, "name": "p", "created_at": self.farm.now}
        file = self.storage.put(input_key(project, str(row["id"]), ".png"), b"a picture", "image/png")
        if named:
            rest = {"key": file.key, "content_type": "image/png", "size": file.size, "sha256": file.sha256}
            with write(self.connections.engine) as connection:
                connection.execute(Input.__table__.insert().values(row | rest))

    @rule()
    def garbage(self) -> None:
        with worker_beside(self):
            would = set(collect_garbage(self.connections, time.time() + A_WEEK, remove=False).objects)
            collect_garbage(self.connections, time.time() + A_WEEK, remove=True)
        assert not would & self.needed()

    @invariant()
    def whatever_is_needed_is_there(self) -> None:
        assert self.needed() <= self.stored()

    def needed(self) -> set[str]:
        """What rows name, and what those have stored who really hold their render."""
        with read(self.connections.engine) as connection:
            named = {*connection.scalars(select(Artifact.key)), *connection.scalars(select(Input.key))}
            running = select(Render.id, Render.attempt).where(Render.status == "running")
            really = {(row.id, row.attempt) for row in connection.execute(running)}
        under_way = {
            output.file.key
            for holding in self.held
            if (holding.render.id, holding.render.attempt) in really
            for output in holding.outputs
        }
        return named | under_way

    def stored(self) -> set[str]:
        return {*self.storage.list(ARTIFACTS), *self.storage.list(INPUTS)}

    def teardown(self) -> None:
        """When all has come to its end, what is left in the bucket is what rows name: no orphan."""
        self.lose_all_leases()
        self.held.clear()
        while claimed := self.farm.claim(8):
            for render in claimed.renders:
                settle(
                    self.connections.engine,
                    [Settlement(render.id, render.attempt, Outcome.DONE, artifacts=[self.store(render, "end.png")])],
                    self.farm.now,
                )
        self.other_duties()
        collect_garbage(self.connections, time.time() + A_WEEK, remove=True)
        with read(self.connections.engine) as connection:
            jobs = set(connection.scalars(select(Job.id)))
        # What a done attempt has stored and not named goes with its job.
        extra = {key for key in self.stored() - self.needed() if key.split("/")[3] in jobs and "checkpoint" not in key}
        assert self.stored() - extra == self.needed()


@contextmanager
def worker_beside(farm: FilesOfAFarm) -> Iterator[None]:
    """A worker that submits, claims, stores and settles as fast as it can, for another project."""
    over = threading.Event()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            while not over.is_set():
                farm.farm.submit(1, project="bob")
                claimed = farm.farm.claim(2)
                for render in claimed.renders if claimed else ():
                    word = Settlement(render.id, render.attempt, Outcome.DONE, artifacts=[farm.store(render, "o.png")])
                    settle(farm.connections.engine, [word], farm.farm.now)
        except BaseException as error:
            faults.append(error)

    farm.farm.flow("bob")
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert faults == []


@pytest.fixture
def farm(connections: Connections, own_bucket: S3) -> Connections:
    connections.storage = Storage(own_bucket)
    return connections


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_no_history_makes_gc_remove_what_is_needed_or_leave_what_nobody_knows(
    farm: Connections, clock: TestClock
) -> None:
    run_state_machine_as_test(
        lambda: FilesOfAFarm(farm, clock),
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )


def test_the_command_tells_first_and_then_removes(
    farm: Connections, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = artifact_key(new_id(), new_id(), new_id(), 1, "output.png")
    farm.storage.put(key, b"nobody's", "image/png")
    left = tmp_path / f"{PREFIX}killed"
    left.mkdir()
    (left / LOCK).touch()
    environment = s3.environment | {
        "FARM_S3_BUCKET": farm.storage._bucket,
        "FARM_DATABASE_URL": str(farm.engine.url),
        "FARM_DATA_DIR": str(tmp_path),
        "FARM_ORPHAN_HOURS": "0.0001",
        "FARM_LINK_SECONDS": "1",
        "TMPDIR": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)  # it is read once
    monkeypatch.setattr("scheduler.maintenance.old_files.remove_orphans.oldest_needed", lambda _, now: now + 60)

    told = CliRunner().invoke(build_app(), ["gc", "--dry-run", "--json"])

    expected = {"objects": [key], "open_uploads": [], "folders": [str(left)]}
    assert json.loads(told.stdout) == {"removed": False, **expected}, told.output
    assert (list(farm.storage.list(ARTIFACTS)), left.exists()) == ([key], True)
    done = CliRunner().invoke(build_app(), ["gc", "--json"])
    assert json.loads(done.stdout) == {"removed": True, **expected}
    assert (list(farm.storage.list(ARTIFACTS)), left.exists()) == ([], False)
    assert "Removed 0 objects" in CliRunner().invoke(build_app(), ["gc"]).stdout
