"""`farm audit`: who did what to what, when, and from where."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from farm.audit.read import AuditFilter, read_audit
from farm.audit.record import Action
from farm.client import AuditEntry
from farm.commands.operator.accounts import ApiOption
from farm.console.output import JsonOption, print_json
from farm.console.own_database import database
from farm.console.session import farm_at_hand
from farm.console.tables import print_list
from farm.database import read

TimeOption = datetime | None
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)


def audit(
    action: Annotated[Action | None, typer.Option(help="Only this.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this user, key or system's user did.")] = None,
    target: Annotated[str | None, typer.Option(help="Only what was done to this: a name or an id.")] = None,
    project: Annotated[str | None, typer.Option(help="Only what concerns this project.")] = None,
    since: Annotated[TimeOption, typer.Option(formats=_FORMATS, help="Only what was done then or later, UTC.")] = None,
    until: Annotated[TimeOption, typer.Option(formats=_FORMATS, help="Only what was done before, UTC.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    by_api: ApiOption = False,
    as_json: JsonOption = False,
) -> None:
    """List who did what to what, when, and from where; the newest first.

    By the API it is for admins.
    """
    since, until = _utc(since), _utc(until)
    if by_api:
        chosen = {"action": action, "actor": actor, "target": target, "project": project}
        with farm_at_hand() as farm:
            entries = list(farm.audit(**chosen, since=since, until=until, limit=limit))
    else:
        bounds = [None if time is None else time.timestamp() for time in (since, until)]
        with database() as (_, engine), read(engine) as connection:
            wanted = AuditFilter(action, actor, target, project, *bounds)
            rows = read_audit(connection, wanted, before=None, limit=limit)
        entries = [AuditEntry.model_validate(asdict(row)) for row in rows]
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in entries])
        return
    headings = ["at", "who", "by", "from", "did", "to", "project", "details"]
    print_list(headings, map(_row, entries), nothing="Nothing was done that these options find.")


def _utc(time: datetime | None) -> datetime | None:
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)


def _row(entry: AuditEntry) -> list[str]:
    where = [entry.via, entry.address or "", entry.action, entry.target or "", entry.project or ""]
    return [f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.actor, *where, _words(entry.details)]


def _words(details: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in details.items())
