"""What follows for flows when renders left their workers: they are trued up, and those with new work compete again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from scheduler.changes import paused
from scheduler.charges import LaneClassKey, charge_classes, charge_flow, lock_flows
from scheduler.lanes import wake_flow
from scheduler.transitions import LockedRender, hold


def settle_flows(connection: Connection, gpu_seconds: Mapping[str, float], back: Sequence[LockedRender]) -> None:
    """Charge flows (by id) what is still owed, negative to give back; hold or wake what went `back` to pending.

    Call it after the jobs were recorded, and so locked: renders that went back to a paused job are held. A job that
    is paused a moment later finds them pending, and holds them itself. The last rows that a transaction locks.
    """
    lock_flows(connection, gpu_seconds.keys())
    paused_jobs = paused(connection, {render.job_id for render in back}) if back else frozenset[str]()
    if held := [render for render in back if render.job_id in paused_jobs]:
        hold(connection, held)
    for flow_id in sorted({render.flow_id for render in back if render.job_id not in paused_jobs}):
        wake_flow(connection, flow_id)
    by_class: defaultdict[LaneClassKey, float] = defaultdict(float)
    for flow_id, cost in gpu_seconds.items():
        if cost:
            by_class[charge_flow(connection, flow_id, cost)] += cost
    charge_classes(connection, by_class)
