"""A small farm in SQL for the tests of the scheduler: rows made directly, and the questions that tests ask."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, insert, select

from farm.database import read, write
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind
from farm.tables import Event, Flow, Job, Lane, Pool, Project, Render
from scheduler.claims.claim_batch import Claim, ClaimedRender, Claimer, claim
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.fair_share.flows import wake_flow
from scheduler.fair_share.fold_charges import fold
from scheduler.leases.settle import Output, Settlement

LANE, POOL = "toy@fp32", "toy-local"
KEY = "a" * 64


@dataclass
class SmallFarm:
    """One lane, one pool, and flows and jobs as a test wants them. Time is 1,000 s unless the test says otherwise."""

    engine: Engine
    now: float = 1000.0
    flows: dict[tuple[str, str], str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with write(self.engine) as connection:
            connection.execute(insert(Lane).values(name=LANE, model="toy", precision="fp32"))
            connection.execute(insert(Pool).values(name=POOL, lane=LANE, max_batch=8))

    def flow(self, project: str = "ada", class_name: str = "normal", weight: float = 1.0) -> str:
        """The id of a project's flow; made with its project when it is new."""
        known = self.flows.get((project, class_name))
        if known is not None:
            return known
        flow_id = self.flows[project, class_name] = new_id()
        with write(self.engine) as connection:
            if project not in self.projects:
                self.projects[project] = new_id()
                connection.execute(insert(Project).values(id=self.projects[project], name=project, created_at=self.now))
            row = {"lane": LANE, "project_id": self.projects[project], "class_name": class_name}
            there = connection.scalar(select(Flow.id).filter_by(**row))  # made by a change of class
            if there is not None:
                self.flows[project, class_name] = there
                return there
            connection.execute(insert(Flow).values(id=flow_id, weight=weight, **row))
        return flow_id

    def submit(
        self, count: int = 1, project: str = "ada", class_name: str = "normal", **columns: Any
    ) -> tuple[str, list[str]]:
        """A job of so many pending renders; returns its id and theirs. `columns` go into each render."""
        flow_id, job_id = self.flow(project, class_name), new_id()
        ids = [new_id() for _ in range(count)]
        project_id = self.projects[project]
        render = {
            "job_id": job_id, "project_id": project_id, "lane": LANE, "flow_id": flow_id, "status": "pending",
            "batch_key": KEY, "width": 64, "height": 64, "frames": 1, "parameters": {"prompt": "a circle"},
            "estimate": 1.0, "batch_limit": None, "created_at": self.now,
        } | columns  # fmt: skip
        with write(self.engine) as connection:
            connection.execute(
                insert(Job).values(
                    id=job_id,
                    project_id=project_id,
                    flow_id=flow_id,
                    lane=LANE,
                    model="toy",
                    title="toy",
                    status="open",
                    version=1,
                    request={},
                    renders_total=count,
                    created_at=self.now,
                )
            )
            connection.execute(
                insert(Event).values(job_id=job_id, version=1, kind="submitted", at=self.now, payload={})
            )
            connection.execute(insert(Render), [render | {"id": id, "index": index} for index, id in enumerate(ids)])
            wake_flow(connection, flow_id)
        return job_id, ids

    def claim(
        self, capacity: int = 8, worker_id: str | None = None, scan_cursor: ScanCursor | None = None
    ) -> Claim | None:
        """A claim by a worker (a new one unless it is given) with a lease of 30 s."""
        return claim(
            self.engine,
            Claimer(POOL, worker_id or new_id(), 30.0, scan_cursor=scan_cursor or ScanCursor()),
            capacity=capacity,
            now=self.now,
        )

    def fold(self) -> None:
        """Bring all charges into the virtual times, so that a test can read them there."""
        fold(self.engine, LANE, self.now, late=True)

    def row(self, table: type[Any], **key: Any) -> Any:
        """The one row of a table with these values."""
        with read(self.engine) as connection:
            return connection.execute(
                select(table.__table__).where(*(getattr(table, name) == value for name, value in key.items()))
            ).one()

    def rows(self, table: type[Any], **key: Any) -> Sequence[Any]:
        """All rows of a table with these values, by primary key."""
        with read(self.engine) as connection:
            return connection.execute(
                select(table.__table__)
                .where(*(getattr(table, name) == value for name, value in key.items()))
                .order_by(*table.__table__.primary_key)
            ).all()

    def count(self, status: str) -> int:
        """How many renders are in this state."""
        with read(self.engine) as connection:
            return connection.scalar(select(func.count()).select_from(Render).where(Render.status == status)) or 0


def done(render: ClaimedRender, gpu_seconds: float | None = None) -> Settlement:
    """The settlement of a render that went well, with one output."""
    key = f"{render.id}/{render.attempt}/output.png"
    file = StoredFile(key=key, content_type="image/png", size=3, sha256="0" * 64)
    output = Output(ArtifactKind.OUTPUT, file, width=64, height=64, frames=1)
    return Settlement(render.id, render.attempt, Outcome.DONE, gpu_seconds=gpu_seconds, artifacts=[output])


def failed(render: ClaimedRender, reason: str = "the pass raised") -> Settlement:
    """The settlement of a render whose own pass raised."""
    return Settlement(render.id, render.attempt, Outcome.FAILED, reason=reason)


def returned(render: ClaimedRender, reason: str = "drained") -> Settlement:
    """The settlement of a render that goes back with nobody to blame."""
    return Settlement(render.id, render.attempt, Outcome.RETURNED, reason=reason)
