"""Projects and keys over the farm's API, for those who have a key and no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from farm.client import Key, Project
from farm.console.output import answer
from farm.console.session import clean, farm_at_hand, print_json, say
from farm.console.tables import print_list


def create_project(name: str, weight: float, as_json: bool) -> None:
    """Make a project; for admins."""
    with farm_at_hand() as farm:
        made = farm.create_project(name, weight)
    answer(as_json, made, f"Project {made.name} is made.")


def list_projects(as_json: bool) -> None:
    """Those that one may see."""
    with farm_at_hand() as farm:
        found = farm.projects()
    if as_json:
        print_json(found)
        return
    print_list(["name", "weight", "id"], map(_project_row, found), nothing="There is no project.")


def create_key(
    name: str, project: str | None, seconds: float | None, scopes: Sequence[str] | None, as_json: bool
) -> None:
    """Make a key of one's own, or for admins one of a project."""
    with farm_at_hand() as farm:
        made = farm.create_key(name, seconds=seconds, project=project, scopes=scopes)
    if as_json:
        print_json({**made.key.model_dump(mode="json"), "secret": made.secret})
        return
    say(f"Key {made.key.id} of project {made.key.project}; keep it safe, it is not shown again:")
    print(clean(made.secret), flush=True)


def list_keys(project: str | None, as_json: bool) -> None:
    """One's own keys, or for admins all of a project."""
    with farm_at_hand() as farm:
        found = farm.keys(project)
    if as_json:
        print_json(found)
        return
    headings = ["id", "name", "project", "user", "may", "made", "ends", "used"]
    print_list(headings, map(_key_row, found), nothing="You have no key of your own.")


def revoke_key(key_id: str, as_json: bool) -> None:
    """End a key at once."""
    with farm_at_hand() as farm:
        farm.revoke_key(key_id)
    answer(as_json, {"id": key_id, "revoked": True}, f"Key {key_id} is revoked.")


def _project_row(project: Project) -> list[str]:
    return [project.name, f"{project.weight:g}", project.id]


def _key_row(key: Key) -> list[str]:
    end = "revoked" if key.revoked_at else _day(key.expires_at) or "when revoked"
    owner, scopes = [key.project, key.user or ""], " ".join(key.scopes)
    return [key.id, key.name, *owner, scopes, _day(key.created_at), end, _day(key.used_at)]


def _day(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d}"
