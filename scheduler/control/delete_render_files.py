"""Remove the files of a render that has ended, before retention would; what it was and cost is kept."""

from sqlalchemy import delete, select

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import ENDED
from farm.tables import Artifact
from scheduler.control.lookup import find_render


def remove_files(connections: Connections, render_id: str, project_id: str | None = None) -> int:
    """Remove all files of a render; returns how many. Files before rows: after a crash, call it again.

    Raises:
        NotFound: the project (None: an operator) sees no such render.
        Conflict: it has not ended.
        StorageDown.
    """
    with read(connections.engine) as connection:
        render = find_render(connection, render_id, project_id)
        files = connection.execute(select(Artifact.id, Artifact.key).where(Artifact.render_id == render.id)).all()
    if render.status not in ENDED:
        raise Conflict(f"Render {render.id} has not ended ({render.status}); cancel it first.")
    connections.storage.delete([file.key for file in files])
    with write(connections.engine) as connection:
        connection.execute(delete(Artifact).where(Artifact.id.in_([file.id for file in files])))
    return len(files)
