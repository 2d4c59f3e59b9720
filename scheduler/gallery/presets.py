"""Presets of a person in a project: saved, listed, removed. Nobody else sees them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, case, delete, func, insert, select, update

from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import new_id
from farm.tables import Job, Preset, Project

#: Of one person in one project.
MOST_PRESETS = 200
#: Jobs of a person through which prompts are looked for.
_JOBS_LOOKED_AT = 100


def list_presets(connection: Connection, project_id: str, user_id: str | None) -> Sequence[Any]:
    """A person's presets by name. Reads ix_presets_project_id_user_id_name."""
    return connection.execute(select(Preset.__table__).where(*_own(project_id, user_id)).order_by(Preset.name)).all()


def find_preset(connection: Connection, project_id: str, user_id: str | None, preset_id: str) -> Any:
    """One of a person's presets. Raises NotFound."""
    row = connection.execute(
        select(Preset.__table__).where(Preset.id == preset_id, *_own(project_id, user_id))
    ).one_or_none()
    if row is None:
        raise NotFound(f"You have no preset {preset_id}.")
    return row


def save_preset(
    engine: Engine, project_id: str, user_id: str | None, name: str, fields: Mapping[str, str], now: float
) -> str:
    """Keep these fields under this name, in place of what was there; returns the preset's id. Raises Conflict."""
    name = name.strip()
    with write(engine) as connection:
        # Locked, so that two who save under the same name come one after the other.
        connection.execute(select(Project.id).where(Project.id == project_id).with_for_update())
        own = _own(project_id, user_id)
        found = connection.scalar(select(Preset.id).where(*own, Preset.name == name))
        if found is not None:
            connection.execute(update(Preset).where(Preset.id == found).values(fields=dict(fields), updated_at=now))
            return found
        if int(connection.scalar(select(func.count()).select_from(Preset).where(*own)) or 0) >= MOST_PRESETS:
            raise Conflict(f"You have {MOST_PRESETS} presets; remove some first.")
        row = {"id": new_id(), "project_id": project_id, "user_id": user_id, "name": name}
        connection.execute(insert(Preset), row | {"fields": dict(fields), "updated_at": now})
        return str(row["id"])


def remove_preset(engine: Engine, project_id: str, user_id: str | None, preset_id: str) -> None:
    """Forget one. Raises NotFound."""
    with write(engine) as connection:
        find_preset(connection, project_id, user_id, preset_id)
        connection.execute(delete(Preset).where(Preset.id == preset_id))


def recent_prompts(connection: Connection, project_id: str, user_id: str | None, limit: int) -> list[str]:
    """What a person asked for lately, the newest first, each text once; of a job with many prompts the first.

    Walks the newest _JOBS_LOOKED_AT jobs of the project downwards (by id); verifications ask for nothing new.
    """
    of_list = Job.request[("prompt", 0)].as_string()
    of_one = case((of_list.is_(None), Job.request["prompt"].as_string()))
    newest = (
        select(Job.user_id, func.coalesce(of_list, of_one).label("prompt"))
        .where(Job.project_id == project_id, Job.delete_at.is_(None), Job.verifies_id.is_(None))
        .order_by(Job.id.desc())
        .limit(_JOBS_LOOKED_AT)
    )
    found = {
        row.prompt: None
        for row in connection.execute(newest)
        if row.user_id == user_id and row.prompt and row.prompt.strip()
    }
    return list(found)[:limit]


def _own(project_id: str, user_id: str | None) -> tuple[Any, ...]:
    return (Preset.project_id == project_id, Preset.user_id == user_id)
