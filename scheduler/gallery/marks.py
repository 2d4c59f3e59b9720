"""Marks of renders: a rating, whether it is a favourite, tags. They belong to the project: all its people see the same.

Written by statements that insert or change, so that two people who mark the same render at once both succeed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from farm.database import write
from farm.errors import Fault, InvalidRequest
from farm.tables import RenderMark, RenderTag
from scheduler.gallery.owned_renders import check_owned

LONGEST_TAG = 50  # characters
MOST_TAGS = 50  # of a render
#: What takes a rating away.
NO_RATING = 0
BEST_RATING = 5


@dataclass(frozen=True)
class MarkChange:
    """What is to be different; None stays. Tags in any spelling: `normal_tag` makes them one."""

    rating: int | None = None  # 1 … 5; NO_RATING takes it away
    favourite: bool | None = None
    tags: Sequence[str] | None = None  # these and no others
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()


def mark_renders(engine: Engine, project_id: str, render_ids: Sequence[str], change: MarkChange) -> None:
    """Change the marks of renders of this project, all or none.

    Raises:
        NotFound: one of them is not of this project.
        InvalidRequest: a render would have too many tags.
    """
    with write(engine) as connection:
        check_owned(connection, project_id, render_ids)
        values: dict[str, Any] = {}
        if change.rating is not None:
            values["rating"] = None if change.rating == NO_RATING else change.rating
        if change.favourite is not None:
            values["favourite"] = change.favourite
        if values:
            set_marks(connection, render_ids, values)
        _change_tags(connection, project_id, render_ids, change)


def set_marks(connection: Connection, render_ids: Sequence[str], values: dict[str, Any]) -> None:
    """Write these columns of the marks of these renders."""
    rows = [{"render_id": render_id, "favourite": False, **values} for render_id in sorted(set(render_ids))]
    insert = _insert(connection, RenderMark).values(rows)
    connection.execute(insert.on_conflict_do_update(index_elements=["render_id"], set_=values))


def normal_tag(typed: str) -> str:
    """A tag as it is kept: lower case, one space between words."""
    return " ".join(typed.lower().split())


def _change_tags(connection: Connection, project_id: str, render_ids: Sequence[str], change: MarkChange) -> None:
    mine = RenderTag.render_id.in_(render_ids)
    added = {normal_tag(tag) for tag in (*change.add_tags, *(change.tags or ()))} - {""}
    removed = {normal_tag(tag) for tag in change.remove_tags}
    if change.tags is not None:
        connection.execute(delete(RenderTag).where(mine, RenderTag.tag.not_in(added)))
    if removed:
        connection.execute(delete(RenderTag).where(mine, RenderTag.tag.in_(removed)))
    if not added:
        return
    rows = [
        {"render_id": render_id, "tag": tag, "project_id": project_id}
        for render_id in sorted(set(render_ids))
        for tag in sorted(added)
    ]
    for first in range(0, len(rows), 500):  # SQLite takes so many values at once
        connection.execute(_insert(connection, RenderTag).values(rows[first : first + 500]).on_conflict_do_nothing())
    counts = select(func.count()).where(mine).group_by(RenderTag.render_id)
    if any(count > MOST_TAGS for count in connection.scalars(counts)):
        raise InvalidRequest([Fault("/tags", f"a render has at most {MOST_TAGS} tags; take some away first")])


def _insert(connection: Connection, table: Any) -> Any:
    """An INSERT that may say what happens on a conflict: each dialect has its own class for it."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
