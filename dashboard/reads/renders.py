"""Renders as people see them, with their stored files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, select

from dashboard import schemas
from dashboard.reads.costs import Prices, read_prices
from dashboard.reads.ids import known_form, missing
from dashboard.times import iso, iso_or_none
from farm.lifecycle import RenderStatus
from farm.progress import StepProgress
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render

#: Gives the address under which a file is read: a signed link, or a path of ours that leads to one.
AddressOf = Callable[["StoredArtifact"], str]

#: Renders of a job that a page with a filter looks at: of a million no request goes through more.
LOOKED_AT = 20_000

_COLUMNS = (
    Render.id,
    Render.job_id,
    Render.project_id,
    Render.index,
    Render.status,
    Render.phase,
    Render.attempt,
    Render.failures,
    Render.parameters,
    Render.width,
    Render.height,
    Render.frames,
    Render.reason,
    Render.created_at,
    Render.started_at,
    Render.finished_at,
    Render.gpu_seconds,
    Render.lane,
    Render.estimate,
    Render.money,
    Render.watt_hours,
)


@dataclass(frozen=True)
class StoredArtifact:
    """A stored file: its row, and how to name it for people."""

    id: str
    render_id: str
    kind: str
    key: str
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    frames: int | None
    score: float | None
    kept: bool | None

    @property
    def filename(self) -> str:
        """The last part of its key: 'output.png'."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True)
class Neighbours:
    """Ids of the renders before and behind one in its job."""

    previous: str | None
    next: str | None


@dataclass(frozen=True)
class RenderFilter:
    """Which renders of a job: all that is given must hold; what is None or empty holds for all. Seconds since 1970."""

    statuses: tuple[RenderStatus, ...] = ()
    text: str | None = None  # in the prompt, in capitals or not
    finished_after: float | None = None
    finished_before: float | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a statement asks for."""
        found: list[ColumnElement[bool]] = []
        if self.statuses:
            found.append(Render.status.in_([status.value for status in self.statuses]))
        if self.text:
            found.append(Render.parameters["prompt"].as_string().icontains(self.text, autoescape=True))
        if self.finished_after is not None:
            found.append(Render.finished_at >= self.finished_after)
        if self.finished_before is not None:
            found.append(Render.finished_at < self.finished_before)
        return found


EVERY_RENDER = RenderFilter()


#: Built once, as in `dashboard.reads.jobs`; a filter is put on top.
_PAGE = (
    select(*_COLUMNS)
    .where(
        Render.job_id == bindparam("of_job"),
        Render.project_id == bindparam("of_project"),
        Render.index > bindparam("after"),
    )
    .order_by(Render.index)
    .limit(bindparam("most", type_=Integer))
)


def list_renders(
    connection: Connection,
    project_id: str,
    job_id: str,
    *,
    after: int,
    limit: int,
    progress: dict[str, StepProgress],
    address_of: AddressOf,
    chosen: RenderFilter = EVERY_RENDER,
    skip: int | None = None,
) -> tuple[list[schemas.Render], bool]:
    """At most `limit` renders with an index above `after`, and whether there are more; in three statements.

    With a filter only the next LOOKED_AT are looked at: see :func:`next_place`. With `skip`, for pages with a number,
    all are, and so many of those chosen are passed over.
    """
    statement = _PAGE if chosen == EVERY_RENDER else _PAGE.where(*chosen.conditions())
    if skip is not None:
        statement = statement.offset(skip)
    elif chosen != EVERY_RENDER:
        statement = statement.where(Render.index <= after + LOOKED_AT)
    page = {"of_job": job_id, "of_project": project_id, "after": after, "most": limit + 1}
    rows = connection.execute(statement, page).all()
    shown = rows[:limit]
    files = artifacts_of(connection, [row.id for row in shown])
    prices = read_prices(connection)
    renders = [_render(row, files.get(row.id, []), progress.get(row.id), address_of, prices) for row in shown]
    return renders, len(rows) > limit


def renders_with_ids(
    connection: Connection, project_id: str, render_ids: Sequence[str], *, address_of: AddressOf
) -> list[schemas.Render]:
    """These renders of this project in this order, without how far they are; in three statements."""
    rows = connection.execute(select(*_COLUMNS).where(Render.id.in_(render_ids), Render.project_id == project_id))
    by_id = {row.id: row for row in rows}
    files = artifacts_of(connection, render_ids)
    prices = read_prices(connection)
    return [_render(by_id[one], files.get(one, []), None, address_of, prices) for one in render_ids if one in by_id]


def next_place(
    chosen: RenderFilter, renders: Sequence[schemas.Render], more: bool, *, after: int, total: int
) -> int | None:
    """The index behind which the page after this one begins; None: this was the last one.

    `total`: of the job. A page of a filter may hold less than was asked for, or nothing, and yet have a next one.
    """
    if more:
        return renders[-1].index
    looked_to = after + LOOKED_AT
    return looked_to if chosen != EVERY_RENDER and looked_to < total - 1 else None


def find_render(
    connection: Connection,
    project_id: str,
    render_id: str,
    *,
    progress_of: Callable[[str], dict[str, StepProgress]],
    address_of: AddressOf,
) -> schemas.Render:
    """One render of this project, in three statements. `progress_of` is asked for its job. Raises NotFound."""
    render_id = known_form("render", render_id)
    row = connection.execute(
        select(*_COLUMNS).where(Render.id == render_id, Render.project_id == project_id)
    ).one_or_none()
    if row is None:
        raise missing("render", render_id)
    step = progress_of(row.job_id).get(row.id) if row.status == "running" else None
    files = artifacts_of(connection, [row.id]).get(row.id, [])
    return _render(row, files, step, address_of, read_prices(connection))


def owned_render(connection: Connection, project_id: str, render_id: str) -> str:
    """The id of a render of this project in its one form; by primary key. Raises NotFound."""
    render_id = known_form("render", render_id)
    found = connection.scalar(select(Render.id).where(Render.id == render_id, Render.project_id == project_id))
    if found is None:
        raise missing("render", render_id)
    return found


def neighbours(connection: Connection, job_id: str, index: int) -> Neighbours:
    """The renders beside this one in its job. One statement (unique index job_id, index)."""
    rows = connection.execute(
        select(Render.index, Render.id).where(Render.job_id == job_id, Render.index.in_([index - 1, index + 1]))
    )
    found = {row._mapping["index"]: row.id for row in rows}
    return Neighbours(found.get(index - 1), found.get(index + 1))


_FILES = select(
    Artifact.id,
    Artifact.render_id,
    Artifact.kind,
    Artifact.key,
    Artifact.content_type,
    Artifact.size,
    Artifact.sha256,
    Artifact.width,
    Artifact.height,
    Artifact.frames,
    Artifact.score,
    Artifact.kept,
)
_NEWEST_FILES = (
    _FILES.join(Render, (Render.id == Artifact.render_id) & (Render.attempt == Artifact.attempt))
    .where(
        Artifact.render_id.in_(bindparam("renders", expanding=True)),
        Artifact.kind != ArtifactKind.CHECKPOINT.value,
    )
    .order_by(Artifact.id)
)


def artifacts_of(connection: Connection, render_ids: Sequence[str]) -> dict[str, list[StoredArtifact]]:
    """The files of these renders' newest attempts, by render; checkpoints are the farm's own. One statement."""
    rows = connection.execute(_NEWEST_FILES, {"renders": list(render_ids)})
    found: dict[str, list[StoredArtifact]] = {}
    for row in rows:
        found.setdefault(row.render_id, []).append(StoredArtifact(**row._mapping))
    return found


def find_artifact(connection: Connection, project_id: str, artifact_id: str) -> StoredArtifact:
    """One file of this project, in one statement. Raises NotFound."""
    artifact_id = known_form("artifact", artifact_id)
    row = connection.execute(
        _FILES.join(Render, Render.id == Artifact.render_id).where(
            Artifact.id == artifact_id, Render.project_id == project_id
        )
    ).one_or_none()
    if row is None:
        raise missing("artifact", artifact_id)
    return StoredArtifact(**row._mapping)


def _render(
    row: Any,
    files: list[StoredArtifact],
    step: StepProgress | None,
    address_of: AddressOf,
    prices: Prices,
) -> schemas.Render:
    running = row.status == "running"
    return schemas.Render(
        id=row.id,
        job_id=row.job_id,
        index=row._mapping["index"],  # a row is a tuple, which has an `index` of its own
        status=row.status,
        phase=row.phase if running else None,
        attempt=row.attempt,
        failures=row.failures,
        parameters=row.parameters,
        seed_text=str(row.parameters["seed"]),
        rendered_size=schemas.RenderedSize(width=row.width, height=row.height, frames=row.frames),
        reason=row.reason,
        created_at=iso(row.created_at),
        started_at=iso_or_none(row.started_at),
        finished_at=iso_or_none(row.finished_at),
        gpu_seconds=row.gpu_seconds,
        spent=prices.spent(row),
        expected=prices.expected(row),
        # Redis may still hold the last steps of a render that has ended.
        progress=schemas.Progress(phase=step.phase, step=step.step, steps=step.steps) if running and step else None,
        score=next((file.score for file in files if file.score is not None), None),
        kept=next((file.kept for file in files if file.score is not None), None),
        artifacts=[_artifact(file, address_of(file)) for file in files],
    )


def _artifact(file: StoredArtifact, url: str) -> schemas.Artifact:
    return schemas.Artifact(
        id=file.id,
        kind=file.kind,
        content_type=file.content_type,
        size=file.size,
        sha256=file.sha256,
        width=file.width,
        height=file.height,
        frames=file.frames,
        url=url,
    )
