"""Which renders somebody means: of the own project, all or none."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from farm.errors import NotFound
from farm.tables import Render

#: Named in one request at the most.
MOST_RENDERS = 200


def check_owned(connection: Connection, project_id: str, render_ids: Sequence[str], *, done: bool = False) -> None:
    """Raise NotFound unless all are renders of this project (and done). One statement, by primary key."""
    statement = select(Render.id).where(Render.id.in_(render_ids), Render.project_id == project_id)
    if done:
        statement = statement.where(Render.status == "done")
    found = set(connection.scalars(statement))
    for render_id in render_ids:
        if render_id not in found:
            kind = "finished render" if done else "render"
            raise NotFound(f"There is no {kind} {render_id} in your project.")
