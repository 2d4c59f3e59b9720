"""Finished renders of all jobs of a project, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, and_, exists, func, literal, literal_column, select
from sqlalchemy.sql.elements import TextClause

from dashboard import schemas
from dashboard.reads.gallery.marks import marks_of
from dashboard.reads.gallery.prompt_search import prompt_conditions
from dashboard.reads.renders import AddressOf, renders_with_ids
from farm.tables import BoardRender, Job, Render, RenderMark, RenderTag, Score, User
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.second_renders import listed_renders

#: Finished renders that one page with a filter looks at: of a million no request goes through more.
LOOKED_AT = 20_000


@dataclass(frozen=True)
class GalleryFilter:
    """All that is given must hold; what is None, False or empty holds for all. Times in seconds since 1970."""

    text: str | None = None  # words of the prompt
    models: tuple[str, ...] = ()
    width: int | None = None  # as asked for, in pixels
    height: int | None = None
    sampler: str | None = None
    lora: str | None = None  # by name
    tags: tuple[str, ...] = ()  # all of them
    rating: int | None = None  # at the least
    favourite: bool = False
    user: str | None = None  # who submitted it, by name
    job: str | None = None  # by id
    scorer: str | None = None  # only those that it has scored
    least_score: float | None = None  # by that scorer, at the least
    board: str | None = None  # by id
    finished_after: float | None = None
    finished_before: float | None = None
    deleted: bool = False  # those that are about to be removed, instead of all others
    verifications: SecondRenders = SecondRenders.WITHOUT

    def conditions(self, dialect: Dialect, project_id: str) -> list[ColumnElement[bool] | TextClause]:
        """What a statement asks for; Job, User and RenderMark are joined."""
        asked = Render.parameters
        going = and_(RenderMark.delete_at.is_not(None), RenderMark.removed_at.is_(None))
        found: list[ColumnElement[bool] | TextClause] = [going if self.deleted else RenderMark.delete_at.is_(None)]
        found += listed_renders(self._second_renders())
        if self.text:
            found += prompt_conditions(dialect, project_id, self.text)
        if self.models:
            found.append(Job.model.in_(self.models))
        if self.width is not None:
            found.append(asked["width"].as_integer() == self.width)
        if self.height is not None:
            found.append(asked["height"].as_integer() == self.height)
        if self.sampler is not None:
            found.append(asked["sampler"].as_string() == self.sampler)
        if self.lora is not None:
            found.append(_with_lora(dialect, self.lora))
        for tag in self.tags:
            found.append(exists().where(RenderTag.render_id == Render.id, RenderTag.tag == tag))
        if self.rating is not None:
            found.append(RenderMark.rating >= self.rating)
        if self.favourite:
            found.append(RenderMark.favourite.is_(True))
        if self.user is not None:
            found.append(User.name == self.user)
        if self.job is not None:
            found.append(Render.job_id == self.job)
        if self.scorer is not None:
            found.append(self._scored(self.scorer))
        if self.board is not None:
            found.append(exists().where(BoardRender.render_id == Render.id, BoardRender.board_id == self.board))
        if self.finished_after is not None:
            found.append(Render.finished_at >= self.finished_after)
        if self.finished_before is not None:
            found.append(Render.finished_at < self.finished_before)
        return found

    def _second_renders(self) -> SecondRenders:
        """Whoever names a job means its renders, and what was deleted is to be restored whatever it is."""
        left_out = self.verifications is SecondRenders.WITHOUT
        return SecondRenders.WITH if left_out and (self.job or self.deleted) else self.verifications

    def _scored(self, scorer: str) -> ColumnElement[bool]:
        least = [] if self.least_score is None else [Score.value >= self.least_score]
        return exists().where(Score.render_id == Render.id, Score.scorer == scorer, Score.value.is_not(None), *least)


WHOLE_GALLERY = GalleryFilter()


@dataclass(frozen=True)
class GalleryPage:
    """Some renders, and behind which one the next page begins; None: this was the last one."""

    items: list[schemas.GalleryRender]
    behind: str | None


def list_gallery(
    connection: Connection,
    project_id: str,
    *,
    chosen: GalleryFilter = WHOLE_GALLERY,
    before: str | None = None,
    limit: int,
    address_of: AddressOf,
) -> GalleryPage:
    """At most `limit` finished renders that are older than `before`. Walks ix_renders_done downwards.

    Only the next LOOKED_AT are looked at: a page may hold less than its limit, or nothing, and yet have a next one.
    """
    floor = _floor(connection, project_id, before)
    statement = (
        _finished(project_id, before)
        .where(*chosen.conditions(connection.dialect, project_id))
        .order_by(Render.id.desc())
        .limit(limit + 1)
    )
    if floor is not None:
        statement = statement.where(Render.id >= floor)
    found = connection.execute(statement).all()
    more = len(found) > limit
    rows = found[:limit]
    return GalleryPage(_shown(connection, project_id, rows, address_of), rows[-1].id if more else floor)


def neighbours_in_gallery(
    connection: Connection, project_id: str, render_id: str, chosen: GalleryFilter
) -> tuple[str | None, str | None]:
    """The renders beside one in the gallery as it is filtered, the newer and the older, among LOOKED_AT each."""
    conditions = chosen.conditions(connection.dialect, project_id)
    older = _finished(project_id, render_id).where(*conditions).order_by(Render.id.desc()).limit(1)
    if (floor := _floor(connection, project_id, render_id)) is not None:
        older = older.where(Render.id >= floor)
    newer = _finished(project_id, None).where(*conditions, Render.id > render_id).order_by(Render.id).limit(1)
    done = select(Render.id).where(Render.status == literal_column("'done'"), Render.project_id == project_id)
    last = done.where(Render.id > render_id).order_by(Render.id).offset(LOOKED_AT - 1).limit(1)
    if (ceiling := connection.scalar(last)) is not None:
        newer = newer.where(Render.id <= ceiling)
    return connection.scalar(newer), connection.scalar(older)


def renders_of_gallery(
    connection: Connection, project_id: str, render_ids: Sequence[str], *, address_of: AddressOf
) -> list[schemas.GalleryRender]:
    """Those of these renders that are in the gallery, deleted ones not, newest first."""
    here = _finished(project_id, None).where(Render.id.in_(render_ids), RenderMark.delete_at.is_(None))
    rows = connection.execute(here.order_by(Render.id.desc())).all()
    return _shown(connection, project_id, rows, address_of)


def newest_ids(
    connection: Connection, project_id: str, chosen: GalleryFilter, *, before: str | None = None
) -> list[str]:
    """The renders that a filter chooses, newest first, older than `before`; of those that `selection` looks at."""
    found = selection(connection, project_id, chosen, before=before)
    return [row.id for row in connection.execute(found.order_by(Render.id.desc()))]


def selection(connection: Connection, project_id: str, chosen: GalleryFilter, *, before: str | None = None) -> Any:
    """The finished renders that a filter chooses, as a statement: ids, frames, jobs and places in them, in no order.

    Of a job its first LOOKED_AT renders are looked at, else the newest LOOKED_AT of the project, older than `before`.
    """
    statement = (
        _finished(project_id, before)
        .where(*chosen.conditions(connection.dialect, project_id))
        .add_columns(Render.frames, Render.job_id, Render.index)
    )
    if chosen.job is not None:
        return statement.where(Render.index < LOOKED_AT)
    floor = _floor(connection, project_id, before)
    return statement if floor is None else statement.where(Render.id >= floor)


def _finished(project_id: str, before: str | None) -> Any:
    statement = (
        select(Render.id, Job.model, User.name.label("user"))
        .join(Job, Job.id == Render.job_id)
        .outerjoin(User, User.id == Job.user_id)
        .outerjoin(RenderMark, RenderMark.render_id == Render.id)
        # A literal, so that the partial index of finished renders is used.
        .where(Render.status == literal_column("'done'"), Render.project_id == project_id, Job.delete_at.is_(None))
    )
    return statement if before is None else statement.where(Render.id < before)


def _floor(connection: Connection, project_id: str, before: str | None) -> str | None:
    """The last render that this page looks at; None: all that are left are fewer. Reads ix_renders_done alone."""
    statement = select(Render.id).where(Render.status == literal_column("'done'"), Render.project_id == project_id)
    if before is not None:
        statement = statement.where(Render.id < before)
    found: str | None = connection.scalar(statement.order_by(Render.id.desc()).offset(LOOKED_AT - 1).limit(1))
    return found


def _with_lora(dialect: Dialect, name: str) -> ColumnElement[bool]:
    loras = Render.parameters["loras"]
    if dialect.name != "sqlite":
        return loras.op("@>")(func.jsonb_build_array(func.jsonb_build_object("name", name)))
    each = func.json_each(Render.parameters, "$.loras").table_valued("value")
    return exists(select(literal(1)).select_from(each).where(func.json_extract(each.c.value, "$.name") == name))


def _shown(
    connection: Connection, project_id: str, rows: Sequence[Any], address_of: AddressOf
) -> list[schemas.GalleryRender]:
    ids = [row.id for row in rows]
    of_job = {row.id: row for row in rows}
    marks = marks_of(connection, ids)
    return [
        schemas.GalleryRender(
            **dict(render), model=of_job[render.id].model, user=of_job[render.id].user, marks=marks[render.id]
        )
        for render in renders_with_ids(connection, project_id, ids, address_of=address_of)
    ]
