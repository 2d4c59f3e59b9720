"""The flows of projects: the rows that must be there before work can come, and how an idle one competes again."""

from sqlalchemy import Connection, bindparam, func, select, update

from farm.ids import new_id
from farm.tables import Flow, Project
from scheduler.dialects import insert_or_ignore
from scheduler.fair_share.charges import Account, level, unfolded_of
from scheduler.fair_share.fair_queueing import flow_charge, newcomer_start

_THIS = select(Flow.id).where(
    Flow.lane == bindparam("of_lane"),
    Flow.project_id == bindparam("of_project"),
    Flow.class_name == bindparam("of_class"),
)
_LOCK = (
    select(Flow.lane, Flow.class_name, Flow.weight, Flow.virtual_time, Flow.backlogged)
    .where(Flow.id == bindparam("flow"))
    .with_for_update(key_share=True)
)
#: Work came for a flow; by primary key.
_WAKE = (
    update(Flow)
    .where(Flow.id == bindparam("flow"))
    .values(
        backlogged=Flow.paused_at.is_(None),
        epoch=Flow.epoch + 1,
        weight=func.coalesce(bindparam("given_weight", type_=Flow.weight.type), Flow.weight),
    )
)
_WAKE_BUSY = _WAKE.where(Flow.backlogged)
_WAKE_IDLE = _WAKE.values(virtual_time=bindparam("start"))


def ensure_flow(connection: Connection, *, lane: str, project_id: str, class_name: str, weight: float) -> str:
    """The id of the project's flow of this class in this lane; a new one is idle, and paused if its project is.

    A new one keeps the project from being paused or resumed until the commit: that must see it.
    """
    this = {"of_lane": lane, "of_project": project_id, "of_class": class_name}
    found = connection.scalar(_THIS, this)
    if found is not None:
        return found
    paused_at = connection.scalar(
        select(Project.paused_at).where(Project.id == project_id).with_for_update(read=True, of=Project)
    )
    row = {
        "id": new_id(),
        "lane": lane,
        "project_id": project_id,
        "class_name": class_name,
        "weight": weight,
        "paused_at": paused_at,
    }
    connection.execute(insert_or_ignore(connection, Flow).values(row))
    return connection.execute(_THIS, this).scalar_one()


def wake_flow(connection: Connection, flow_id: str, weight: float | None = None) -> None:
    """Let a flow compete: called where renders become pending, in that transaction, late.

    A flow that competes already, as most do while much is asked for, costs one statement. One that was idle starts at
    the virtual time of its class: nobody saves up turns by being idle. A paused flow stays asleep. Locks the flow's
    row until the commit, for which a claim waits that found it empty.
    """
    given = {"flow": flow_id, "given_weight": weight}
    if connection.execute(_WAKE_BUSY, given).rowcount:
        return
    # Locked before its charges are read: they cannot be folded between the two.
    flow = connection.execute(_LOCK, {"flow": flow_id}).one_or_none()
    if flow is None:
        return
    start = flow.virtual_time
    if not flow.backlogged:
        account = Account(flow.lane, flow.class_name)
        weight = flow.weight if weight is None else weight
        ahead = flow_charge(unfolded_of(connection, flow_id, account), weight)
        start = newcomer_start(start + ahead, *level(connection, account)) - ahead
    connection.execute(_WAKE_IDLE, given | {"start": start})
