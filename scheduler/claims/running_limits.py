"""What a claim may not start: more than projects with a `max_running` may, and renders of jobs that are being ended."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, exists, select

from farm.tables import Flow, Job, Pool, Project
from scheduler.accounting import quotas

#: Nearly always neither: then a claim pays this one read of few rows.
_ANY = select(
    exists().where(Project.max_running.is_not(None)).label("limit"),
    exists().where(Job.ending.is_not(None)).label("end"),
)
_ENDING = select(Job.id).where(Job.ending.is_not(None))
_LANE = select(Pool.lane).where(Pool.name == bindparam("pool"))
_FLOWS = select(Flow.id, Flow.project_id).where(
    Flow.lane == bindparam("of_lane"), Flow.project_id.in_(bindparam("projects", expanding=True))
)


@dataclass
class Allowances:
    """Slots left by project, and whose flow is whose; flows that are not listed have no limit. Jobs that are ending."""

    slots: dict[str, int] = field(default_factory=dict)
    project_of: dict[str, str] = field(default_factory=dict)
    ending: frozenset[str] = frozenset()

    def used_up(self) -> frozenset[str]:
        """The flows that may start nothing now."""
        return frozenset(flow_id for flow_id, project_id in self.project_of.items() if self.slots[project_id] <= 0)

    def allow(self, flow_id: str, wanted: int) -> int:
        """How many of the wanted renders the flow may start."""
        project_id = self.project_of.get(flow_id)
        return wanted if project_id is None else min(wanted, self.slots[project_id])

    def spend(self, flow_id: str, renders: int) -> None:
        """So many were started."""
        if (project_id := self.project_of.get(flow_id)) is not None:
            self.slots[project_id] -= renders


def read_allowances(connection: Connection, pool: str) -> Allowances:
    """The allowances in the pool's lane; before anything is taken, in the transaction that takes it."""
    found = connection.execute(_ANY).one()
    if not found.limit:
        return Allowances(ending=ending_jobs(connection) if found.end else frozenset())
    lane = connection.scalar(_LANE, {"pool": pool})
    slots = quotas.slots(connection, lane) if lane is not None else {}
    ending = ending_jobs(connection)  # after the slots, for which it may have waited
    if not slots:
        return Allowances(ending=ending)
    flows = connection.execute(_FLOWS, {"of_lane": lane, "projects": sorted(slots)}).all()
    return Allowances(slots, {row.id: row.project_id for row in flows}, ending)


def ending_jobs(connection: Connection) -> frozenset[str]:
    """The jobs that are being ended in the background (`scheduler.control.end_jobs`); reads ix_jobs_ending."""
    return frozenset(connection.scalars(_ENDING))
