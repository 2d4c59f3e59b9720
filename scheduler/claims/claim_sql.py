"""The statements of a claim that touch renders; `scheduler.claims.claim_batch` says when."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
    update,
)

from farm.lifecycle import Phase, RenderStatus, check_transition
from farm.tables import Render
from scheduler.claims.scan_cursor import Place

check_transition(RenderStatus.PENDING, RenderStatus.RUNNING)
_PENDING: ColumnElement[str] = literal_column(f"'{RenderStatus.PENDING}'")


@dataclass(frozen=True)
class Lease:
    """Who takes, when, and until when; seconds since 1970."""

    worker_id: str
    start: float
    until: float


@dataclass(frozen=True, slots=True)
class Taken:
    """A render that this transaction has leased."""

    id: str
    job_id: str
    project_id: str
    flow_id: str
    index: int
    attempt: int
    lane: str
    batch_key: str
    rank: int
    batch_limit: int | None
    width: int
    height: int
    frames: int
    parameters: dict[str, Any]
    estimate: float
    failures: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Peeked:
    """The first pending render of a flow, as it was seen without a lock: another claimer may take it."""

    id: str
    batch_key: str
    batch_limit: int | None
    created_at: float


#: Of a flow in which a job is being ended: so many are looked through for a batch's other renders.
_WINDOW = 1_000
_TAKEN = [getattr(Render, field.name) for field in fields(Taken)]
_PLACE = tuple_(Render.rank, Render.id)
_AT_PLACE = tuple_(bindparam("from_rank", type_=Render.rank.type), bindparam("from_id", type_=Render.id.type)) <= _PLACE


def peek(connection: Connection, flow_id: str, place: Place, ending: Collection[str] = ()) -> Peeked | None:
    """The first pending render of the flow from `place` on. Reads ix_renders_head, locks nothing.

    `ending`, here and below: jobs whose renders are passed over.
    """
    row = connection.execute(_peek(bool(ending)), _from(flow_id, place, ending)).one_or_none()
    return None if row is None else Peeked(*row)


def behind_ending(connection: Connection, flow_id: str, place: Place, ending: Collection[str]) -> Place:
    """`place`, or where the flow goes on behind whole jobs at its head that are being ended, which may be a million.

    Renders that were submitted to the same flow while such a job came in, between its own, are found when it is gone.
    """
    while (head := connection.execute(_HEAD, _from(flow_id, place)).one_or_none()) and head.job_id in ending:
        last: str | None = connection.scalar(_LAST, {"job": head.job_id})
        place = head.rank, str(UUID(int=UUID(max(head.id, last or head.id)).int + 1))
    return place


def read_parameters(connection: Connection, render_id: str) -> dict[str, Any]:
    """What a render is asked for; empty if it is gone."""
    found: dict[str, Any] | None = connection.scalar(select(Render.parameters).where(Render.id == render_id))
    return found or {}


def count_waiting(connection: Connection, flow_id: str, place: Place, most: int) -> int:
    """How many pending renders the flow has from `place` on, `most` at the most. Reads ix_renders_head only."""
    counted = connection.scalar(_count(most), _from(flow_id, place))
    return int(counted or 0)


def take_head(
    connection: Connection,
    flow_id: str,
    capacity: int,
    lease: Lease,
    place: Place,
    batch_key: str | None = None,
    ending: Collection[str] = (),
) -> list[Taken]:
    """Lease the first pending render of the flow from `place` on, and with it, if it has no batch limit, up to
    `capacity - 1` of the same batch key that may too; if a `batch_key` is given, only if it has that one.
    Sorted: the head is first.
    """
    values = _from(flow_id, place, ending)
    if batch_key is not None and capacity > 1:
        values["of_key"] = batch_key
    return _execute(connection, _take_head(capacity, "of_key" in values, bool(ending)), lease, **values)


def take_backfill(
    connection: Connection,
    flow_id: str,
    batch_key: str,
    batch_limit: int | None,
    slots: int,
    lease: Lease,
    place: Place,
    ending: Collection[str] = (),
) -> list[Taken]:
    """Lease up to `slots` pending renders of a flow, from `place` on, with this batch key and batch limit."""
    values = _from(flow_id, place, ending) | {"of_key": batch_key}
    if batch_limit is not None:
        values["of_batch_limit"] = batch_limit
    return _execute(connection, _take_backfill(slots, batch_limit is not None, bool(ending)), lease, **values)


def _from(flow_id: str, place: Place, ending: Collection[str] = ()) -> dict[str, Any]:
    rank, from_id = place
    values: dict[str, Any] = {"flow": flow_id, "from_rank": rank, "from_id": from_id}
    return values | {"ending": sorted(ending)} if ending else values


def _execute(connection: Connection, statement: Update, lease: Lease, **values: Any) -> list[Taken]:
    values |= {"worker": lease.worker_id, "start": lease.start, "until": lease.until}
    rows = [Taken(*row) for row in connection.execute(statement, values)]
    return sorted(rows, key=lambda row: (row.rank, row.id))


@cache
def _take_head(capacity: int, of_key: bool, ending: bool) -> Update:
    """Head: the first of ix_renders_head from the scan cursor on. Rest: ix_renders_fill right behind the head."""
    head = (
        _from_place(Render.id, Render.batch_key, Render.batch_limit, Render.rank)
        .where(*_none_of(ending))
        .limit(literal_column("1"))
        .with_for_update(skip_locked=True)
        .cte("head")
    )
    if capacity == 1:
        return _lease(select(head.c.id))
    # Scalar subqueries, not a join: with a join both databases walk the flow and filter by key.
    of_head = {name: select(head.c[name]).scalar_subquery() for name in ("id", "batch_key", "batch_limit", "rank")}
    rest = _backfill_rows(_WINDOW if ending else capacity - 1).where(
        Render.batch_key == of_head["batch_key"],
        Render.batch_limit.is_(None),
        of_head["batch_limit"].is_(None),
        tuple_(of_head["rank"], of_head["id"]) < _PLACE,
    )
    if of_key:
        rest = rest.where(of_head["batch_key"] == bindparam("of_key"))
    return _lease(select(head.c.id).union_all(select(_locked(_fill(rest, capacity - 1, ending), "rest").c.id)))


@cache
def _take_backfill(slots: int, limited: bool, ending: bool) -> Update:
    """The first of ix_renders_fill for this flow, key and batch limit."""
    if limited:
        # Not '=': that would make ix_renders_head look as good to PostgreSQL, which would walk all of the flow.
        limit = bindparam("of_batch_limit", type_=Integer)
        batch_limit = and_(Render.batch_limit >= limit, Render.batch_limit <= limit)
    else:
        batch_limit = Render.batch_limit.is_(None)
    of_key = Render.batch_key == bindparam("of_key")
    rest = _backfill_rows(_WINDOW if ending else slots).where(of_key, batch_limit, _AT_PLACE)
    return _lease(select(_locked(_fill(rest, slots, ending), "rest").c.id))


def _from_place(*columns: Any) -> Select[Any]:
    """The flow's pending renders in their order: ix_renders_head from the scan cursor on."""
    return (
        select(*columns)
        .where(Render.flow_id == bindparam("flow"), Render.status == _PENDING, _AT_PLACE)
        .order_by(Render.rank, Render.id)
    )


def _none_of(ending: bool) -> list[ColumnElement[bool]]:
    return [Render.job_id.not_in(bindparam("ending", expanding=True))] if ending else []


def _fill(rows: Select[Any], slots: int, ending: bool) -> Select[Any]:
    """Those of `rows`; where a job is being ended, which may be a million of them, the first that are none of its."""
    if not ending:
        return rows
    others = select(Render.id).where(Render.id.in_(rows), Render.status == _PENDING, *_none_of(ending))
    return others.order_by(Render.rank, Render.id).limit(literal_column(str(slots)))


def _backfill_rows(slots: int) -> Select[Any]:
    # Ordered by the batch limit too, though it is one: PostgreSQL does not see that IS NULL fixes it, and would sort.
    return (
        select(Render.id)
        .where(Render.flow_id == bindparam("flow"), Render.status == _PENDING)
        .order_by(Render.batch_limit, Render.rank, Render.id)
        .limit(literal_column(str(slots)))
    )


def _locked(rows: Select[Any], name: str) -> CTE:
    """With row locks a CTE is computed once; a bare subquery might be computed, and lock, again for every row."""
    return rows.with_for_update(skip_locked=True).cte(name)


def _lease(ids: Any) -> Update:
    """pending → running, by primary key; the attempt is raised, which voids what older attempts say."""
    return (
        update(Render)
        .where(Render.id.in_(ids))
        .values(
            status=RenderStatus.RUNNING.value,
            phase=Phase.CLAIMED.value,
            attempt=Render.attempt + 1,
            worker_id=bindparam("worker", type_=Render.worker_id.type),
            lease_until=bindparam("until", type_=Render.lease_until.type),
            started_at=bindparam("start", type_=Render.started_at.type),
            reason=None,
        )
        .returning(*_TAKEN)
    )


_HEAD = _from_place(Render.id, Render.rank, Render.job_id).limit(literal_column("1"))
#: The last render of a job; reads the index of jobs and places.
_LAST = (
    select(Render.id)
    .where(Render.job_id == bindparam("job"))
    .order_by(Render.index.desc())
    .limit(literal_column("1"))
)  # fmt: skip


@cache
def _peek(ending: bool) -> Select[Any]:
    first = _from_place(Render.id, Render.batch_key, Render.batch_limit, Render.created_at)
    return first.where(*_none_of(ending)).limit(literal_column("1"))


@cache
def _count(most: int) -> Select[Any]:
    some = _from_place(Render.id).limit(literal_column(str(most))).subquery()
    return select(func.count()).select_from(some)
