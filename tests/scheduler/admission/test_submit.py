"""Admission: what a user can rely on when a request was accepted, refused, repeated, or cut off in the middle."""

import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event, func, select

from farm.accounts import create_project
from farm.catalog import Catalog
from farm.connections import Connections
from farm.database import read, write
from farm.errors import IdempotencyMismatch, InvalidRequest, NotFound, UnknownModel
from farm.params import JobRequest, batch_key, parse_parameters, shape_of
from farm.settings import Settings
from farm.tables import Base, Event, Flow, IdempotencyKey, Job, Lane, LaneClass, Pool, Render
from scheduler.admission.submit import Submitted, submit
from scheduler.batching.sealed_batches import SEALED
from scheduler.estimates.initial_estimate import gpu_seconds
from scheduler.fleet.catalog_sync import sync_catalog
from tests.scheduler.burning import burning_at
from tests.scheduler.conftest import START, TestClock, connect

LANE = "sana-demo@fp32"


def ask(connections: Connections, project: str, *, key: str | None = None, **fields: Any) -> Submitted:
    """Submit a request for the demo model."""
    document = {"model": "sana-demo", "prompt": "a red circle on a blue background"} | fields
    return submit(
        connections,
        project_id=project,
        user_id=None,
        request=JobRequest.model_validate(document),
        idempotency_key=key,
        body_sha256=hashlib.sha256(repr(sorted(document.items())).encode()).hexdigest(),
    )


def count(connections: Connections, table: type[Base]) -> int:
    with read(connections.engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


class TestAccepted:
    def test_a_job_has_its_renders_and_its_first_event(self, connections: Connections, project: str) -> None:
        made = ask(connections, project, prompt=["one", "two"], seeds=[7, 8, 9])

        with read(connections.engine) as connection:
            job = connection.execute(select(Job.__table__)).one()
            renders = connection.execute(select(Render.__table__).order_by(Render.id)).mappings().all()
            events = connection.execute(select(Event.__table__)).all()
        assert (job.id, job.status, job.version, job.renders_total) == (made.job_id, "open", 1, 6)
        assert job.title == "one"
        assert [render["index"] for render in renders] == list(range(6))
        assert [render["parameters"]["seed"] for render in renders] == made.seeds == [7, 8, 9, 7, 8, 9]
        assert {render["status"] for render in renders} == {"pending"}
        assert {render["created_at"] for render in renders} == {START}
        assert all(render["estimate"] > 0 and render["attempt"] == 0 for render in renders)
        assert [(row.version, row.kind, row.payload["renders"]) for row in events] == [(1, "submitted", 6)]

    def test_seeds_that_were_drawn_are_told(self, connections: Connections, project: str) -> None:
        made = ask(connections, project, seed_count=3)

        with read(connections.engine) as connection:
            kept = connection.scalars(select(Render.parameters).order_by(Render.index)).all()
        assert made.seeds == [parameters["seed"] for parameters in kept]
        assert len(set(made.seeds)) == 3

    def test_a_deterministic_render_is_alone(self, connections: Connections, project: str) -> None:
        ask(connections, project, deterministic=True)

        with read(connections.engine) as connection:
            assert connection.scalars(select(Render.batch_limit)).all() == [1]

    def test_a_fast_render_is_in_a_sealed_batch(self, connections: Connections, project: str) -> None:
        ask(connections, project, speed="fast")

        with read(connections.engine) as connection:
            assert connection.scalars(select(Render.batch_limit)).all() == [SEALED]

    def test_ten_thousand_renders_are_one_job(self, connections: Connections, project: str) -> None:
        made = ask(connections, project, seeds=list(range(10_000)))

        with read(connections.engine) as connection:
            order = connection.scalars(select(Render.index).order_by(Render.id)).all()
        assert list(order) == list(range(10_000))
        assert made.seeds == list(range(10_000))


class TestFlows:
    def test_the_same_class_of_a_project_shares_one_flow(self, connections: Connections, project: str) -> None:
        ask(connections, project)
        ask(connections, project)
        ask(connections, project, **{"class": "bulk"})

        with read(connections.engine) as connection:
            flows = connection.execute(select(Flow.class_name, Flow.epoch, Flow.backlogged).order_by(Flow.epoch)).all()
        assert [tuple(flow) for flow in flows] == [("bulk", 1, True), ("normal", 2, True)]

    def test_a_flow_has_the_weight_of_its_project(self, connections: Connections) -> None:
        heavy = create_project(connections.engine, "heavy", weight=3.5)

        ask(connections, heavy)

        with read(connections.engine) as connection:
            assert connection.scalars(select(Flow.weight)).all() == [3.5]

    def test_a_newly_busy_flow_starts_at_the_time_of_its_class(self, connections: Connections, project: str) -> None:
        with write(connections.engine) as connection:
            connection.execute(LaneClass.__table__.insert().values(lane=LANE, class_name="normal", flow_start=42.0))

        ask(connections, project)

        with read(connections.engine) as connection:
            assert connection.scalars(select(Flow.virtual_time)).all() == [pytest.approx(42.0)]

    def test_a_busy_flow_keeps_its_place(self, connections: Connections, project: str) -> None:
        ask(connections, project)
        with write(connections.engine) as connection:
            connection.execute(LaneClass.__table__.insert().values(lane=LANE, class_name="normal", flow_start=42.0))

        ask(connections, project)

        with read(connections.engine) as connection:
            assert connection.scalars(select(Flow.virtual_time)).all() == [0.0]


class TestRefused:
    def test_every_fault_is_told_and_nothing_is_kept(self, connections: Connections, project: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            ask(connections, project, num_inference_steps=100_000, sampler="magic")

        assert {fault.field for fault in refused.value.faults} >= {"/num_inference_steps", "/sampler"}
        assert [count(connections, table) for table in (Job, Flow, Render, Event)] == [0, 0, 0, 0]

    def test_an_unknown_model_is_refused(self, connections: Connections, project: str) -> None:
        with pytest.raises(UnknownModel):
            ask(connections, project, model="sana-demmo")

    def test_an_unknown_project_is_refused(self, connections: Connections) -> None:
        with pytest.raises(NotFound):
            ask(connections, "018f0000-0000-7000-8000-000000000000")

    @pytest.mark.parametrize("key", ["", "x" * 201, "null\0", "ключ"])
    def test_a_key_that_cannot_be_kept_is_refused(self, connections: Connections, project: str, key: str) -> None:
        with pytest.raises(InvalidRequest):
            ask(connections, project, key=key)


class TestRepeated:
    def test_the_same_request_again_is_answered_with_the_same_job(self, connections: Connections, project: str) -> None:
        first = ask(connections, project, key="once", width=96, height=64, seed_count=4)
        again = ask(connections, project, key="once", width=96, height=64, seed_count=4)

        assert (again.job_id, again.notices, again.seeds) == (first.job_id, first.notices, first.seeds)
        assert (first.replayed, again.replayed) == (False, True)
        assert count(connections, Render) == 4

    def test_another_request_with_the_same_key_is_refused(self, connections: Connections, project: str) -> None:
        ask(connections, project, key="once")

        with pytest.raises(IdempotencyMismatch):
            ask(connections, project, key="once", prompt="something else")
        assert count(connections, Job) == 1

    def test_keys_of_two_projects_are_their_own(self, connections: Connections, project: str) -> None:
        other = create_project(connections.engine, "other")

        assert ask(connections, project, key="once").job_id != ask(connections, other, key="once").job_id

    def test_equal_requests_at_once_make_one_job(self, connections: Connections, project: str) -> None:
        with ThreadPoolExecutor(8) as threads:
            answers = list(
                threads.map(lambda _: ask(connections, project, key="once", seeds=list(range(1500))), range(8))
            )

        assert len({answer.job_id for answer in answers}) == 1
        assert [answer.replayed for answer in answers].count(False) == 1
        assert all(answer.seeds == list(range(1500)) for answer in answers)
        tables = (Job, IdempotencyKey, Flow, Render, Event)
        assert [count(connections, table) for table in tables] == [1, 1, 1, 1500, 1]

    def test_many_requests_at_once_share_a_flow(self, connections: Connections, project: str) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: ask(connections, project), range(16)))

        assert [count(connections, table) for table in (Job, Flow, Render)] == [16, 1, 16]


class TestCutOff:
    @pytest.mark.parametrize("chunk", [1, 2])
    def test_a_failure_before_the_commit_leaves_nothing(
        self, connections: Connections, project: str, chunk: int
    ) -> None:
        with burning_at(chunk), pytest.raises(OSError, match="burning"):
            ask(connections, project, key="once", seeds=list(range(2000)))

        tables = (Job, Flow, Render, Event, IdempotencyKey)
        assert [count(connections, table) for table in tables] == [0, 0, 0, 0, 0]
        assert not ask(connections, project, key="once", seeds=list(range(2000))).replayed

    def test_a_process_killed_before_the_commit_leaves_nothing(
        self, connections: Connections, settings: Settings, project: str, tmp_path: Path
    ) -> None:
        script = tmp_path / "submit.py"
        script.write_text(KILLED_SUBMIT)
        variables = os.environ | settings.to_variables() | {"PROJECT": project}

        killed = subprocess.run([sys.executable, script], env=variables, check=False, capture_output=True)

        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        tables = (Job, Flow, Render, Event, IdempotencyKey)
        assert [count(connections, table) for table in tables] == [0, 0, 0, 0, 0]


KILLED_SUBMIT = """
import os, signal
from sqlalchemy import event
from farm.catalog import Catalog
from farm.connections import Connections
from farm.params import JobRequest, batch_key, parse_parameters, shape_of
from scheduler.admission.submit import submit

connections = Connections.open()
event.listen(connections.engine, "commit", lambda connection: os.kill(os.getpid(), signal.SIGKILL))
submit(connections, project_id=os.environ["PROJECT"], user_id=None, idempotency_key="once", body_sha256="0" * 64,
       request=JobRequest(model="sana-demo", prompt="a red circle", seeds=list(range(1500))))
"""


class TestBells:
    def test_pools_are_rung_after_the_commit_and_never_before(self, ringing: Connections, project: str) -> None:
        at_commit = []
        event.listen(
            ringing.engine, "commit", lambda _: at_commit.append(ringing.broker.waiting_rings("sana-demo-local"))
        )

        ask(ringing, project)

        assert at_commit
        assert set(at_commit) == {0}
        assert ringing.broker.waiting_rings("sana-demo-local") == 1

    def test_busy_workers_of_the_lane_are_told(self, ringing: Connections, project: str) -> None:
        before = ringing.progress.lane_counter(LANE)

        ask(ringing, project)
        ringing.progress.flush()

        assert ringing.progress.lane_counter(LANE) != before
        assert ringing.progress.lane_counter("wan-demo@fp32") == 0

    def test_a_refused_request_rings_nobody(self, ringing: Connections, project: str) -> None:
        with pytest.raises(InvalidRequest):
            ask(ringing, project, prompt="")

        assert ringing.broker.waiting_rings("sana-demo-local") == 0

    def test_a_broker_that_is_away_does_not_fail_a_submission(
        self, settings: Settings, clock: TestClock, project: str, connections: Connections
    ) -> None:
        nobody = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
        with connect(nobody, connections.catalog, clock) as unheard:
            made = ask(unheard, project)

        with read(connections.engine) as connection:
            assert connection.scalars(select(Render.job_id)).all() == [made.job_id]


class TestCatalogRows:
    def test_many_processes_may_sync_at_once(self, engine: Engine, catalog: Catalog) -> None:
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda _: sync_catalog(engine, catalog, START), range(6)))

        with read(engine) as connection:
            assert connection.scalar(select(func.count()).select_from(Lane)) == len(catalog.models)
            assert connection.scalar(select(func.count()).select_from(Pool)) == len(catalog.pools)

    def test_a_changed_pool_is_changed_in_sql_and_keeps_its_pause(self, connections: Connections) -> None:
        with write(connections.engine) as connection:
            connection.execute(
                Pool.__table__.update().where(Pool.name == "sana-demo-local").values(max_batch=999, paused_at=5.0)
            )

        sync_catalog(connections.engine, connections.catalog, START)

        with read(connections.engine) as connection:
            pool = connection.execute(select(Pool.__table__).where(Pool.name == "sana-demo-local")).one()
        assert (pool.max_batch, pool.paused_at) == (connections.catalog.pool("sana-demo-local").max_batch, 5.0)

    def test_a_model_that_came_later_gets_its_lane_with_its_first_job(
        self, settings: Settings, catalog: Catalog, clock: TestClock
    ) -> None:
        with connect(settings, catalog, clock) as unsynced:
            project = create_project(unsynced.engine, "early")
            ask(unsynced, project)
            assert count(unsynced, Lane) == len(unsynced.catalog.models)


class TestBatchKeys:
    def test_each_render_has_the_key_and_the_estimate_of_its_own_parameters(
        self, connections: Connections, project: str
    ) -> None:
        entry = connections.catalog.model("sana-demo")
        ask(connections, project, prompt=["one", "two"], seeds=[1, 2])
        ask(connections, project, prompt=["one", "two"], seeds=[1, 2], deterministic=True)

        with read(connections.engine) as connection:
            renders = connection.execute(select(Render.parameters, Render.batch_key, Render.estimate)).all()
        for document, key, estimate in renders:
            parameters = parse_parameters(document)
            assert key == batch_key(parameters, entry)
            assert estimate == gpu_seconds(entry, shape_of(parameters, entry), parameters)
        assert len({key for document, key, _ in renders if document["deterministic"]}) == 4
        assert len({key for document, key, _ in renders if not document["deterministic"]}) == 1
