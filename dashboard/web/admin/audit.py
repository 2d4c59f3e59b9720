"""The audit log, by filters that stand in the address; for admins."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.schemas.audit import shown_entry
from dashboard.translations.said import gettext
from dashboard.web.admin.audit_names import ACTION_NAMES, action_name
from farm import accounts
from farm.audit.read import AuditFilter, read_audit
from farm.audit.record import Action
from farm.database import read

blueprint = Blueprint("admin_audit", __name__)

PAGE = 50
NAMES = ("action", "actor", "target", "project", "since", "until")
_LONGEST = 300


@blueprint.get("/admin/audit")
def index() -> ResponseReturnValue:
    """One page of it, the newest entry first."""
    # No database stores control characters, and PostgreSQL refuses NUL.
    typed = {
        name: text for name in NAMES if (text := request.args.get(name, "").strip()[:_LONGEST]) and text.isprintable()
    }
    faults: list[str] = []
    chosen = _chosen(typed, faults)
    cursor = request.args.get("cursor")
    before = read_older_than(NewestFirst.AUDIT, cursor)
    with read(farm().engine) as connection:
        rows = read_audit(connection, chosen, before=before, limit=PAGE + 1)
    behind = older_than(NewestFirst.AUDIT, rows[PAGE - 1].id) if len(rows) > PAGE else None
    page = render_template(
        "admin_audit.html",
        entries=[shown_entry(row) for row in rows[:PAGE]],
        older=_address(typed | {"cursor": behind}) if behind else None,
        newest=_address(typed) if cursor else None,
        actions=ACTION_NAMES,
        action_name=action_name,
        projects=[row.name for row in accounts.list_projects(farm().engine)],
        typed=typed,
        faults=faults,
    )
    return page, 422 if faults else 200


def _address(query: Mapping[str, str]) -> str:
    return f"{url_for('admin_audit.index')}?{urlencode(query)}"


def _chosen(typed: dict[str, str], faults: list[str]) -> AuditFilter:
    value = typed.get
    action = value("action")
    if action is not None and action not in list(Action):
        faults.append(gettext("There is no action %(action)s.", action=repr(action[:40])))
    return AuditFilter(
        action=Action(action) if action in list(Action) else None,
        actor=value("actor"),
        target=value("target"),
        project=value("project"),
        since=_day(value("since"), faults),
        until=_day(value("until"), faults, days=1),
    )


def _day(text: str | None, faults: list[str], days: int = 0) -> float | None:
    """The beginning of a day in UTC, or of the one after it."""
    if text is None:
        return None
    try:
        return (datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=days)).timestamp()
    except (ValueError, OverflowError):
        faults.append(gettext("A day is written as 2026-01-31; seen %(text)s.", text=text[:40]))
        return None
