"""What follows for flows when renders left their workers: they are trued up, and those with new work compete again."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from scheduler.fair_share.charge_amounts import Adjustment
from scheduler.fair_share.charges import Entry, accounts, charge
from scheduler.fair_share.flows import wake_flow
from scheduler.leases.change_status import LockedRender, hold
from scheduler.leases.job_counters import paused


def settle_flows(
    connection: Connection,
    adjustments: Mapping[str, Adjustment],
    returned: Sequence[LockedRender],
    now: float,
    pool: str | None = None,
) -> None:
    """Charge flows (by id) what is due; hold or wake what was `returned` to pending. `pool`: where it was spent.

    Call it after the jobs were recorded, and so locked: renders that went back to a paused job are held. A job that
    is paused a moment later finds them pending, and holds them itself. Flows are the last rows that a transaction
    locks, in the order of their ids; charges are rows of nobody else.
    """
    paused_jobs = paused(connection, {render.job_id for render in returned}) if returned else frozenset[str]()
    if held := [render for render in returned if render.job_id in paused_jobs]:
        hold(connection, held)
    for flow_id in sorted({render.flow_id for render in returned if render.job_id not in paused_jobs}):
        wake_flow(connection, flow_id)
    account = accounts(connection, adjustments.keys())
    charge(
        connection,
        (
            Entry(
                account[flow_id].lane,
                account[flow_id].class_name,
                flow_id,
                adjustment.gpu_seconds,
                pool=pool,
                spent=adjustment.spent,
                renders=adjustment.renders,
            )
            for flow_id, adjustment in sorted(adjustments.items())
            if adjustment.gpu_seconds or adjustment.spent or adjustment.renders
        ),
        now,
    )
