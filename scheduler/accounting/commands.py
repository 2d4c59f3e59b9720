"""`farm project`: an operator's look at a project, its weight, quotas and budget; by way of the database."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import select

from farm.accounts.names import weight_faults
from farm.connections import Connections
from farm.console.output import JsonOption, answer, print_json
from farm.database import read
from farm.errors import Fault, InvalidRequest, NotFound
from farm.schema.revisions import check_revision
from farm.tables import Project
from scheduler.accounting.project_limits import save_limits
from scheduler.accounting.quotas import QuotaUse, quota_use

#: What an option says to take a limit away.
NONE = "none"
_COLUMNS = ("max_pending", "max_running", "gpu_seconds_per_day", "budget", "retention_days")
_WHOLE = frozenset({"max_pending", "max_running"})
Name = Annotated[str, typer.Argument(help="The name of the project.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    project = typer.Typer(no_args_is_help=True, help="One project: its weight, quotas and budget.")
    project.command("set")(set_limits)
    project.command("show")(show)
    app.add_typer(project, name="project")


def set_limits(
    name: Name,
    weight: Annotated[float | None, typer.Option(help="Its part in the fair share.")] = None,
    max_pending: Annotated[str | None, typer.Option(metavar="N|none", help="Renders that may wait.")] = None,
    max_running: Annotated[str | None, typer.Option(metavar="N|none", help="Renders that may run at once.")] = None,
    gpu_seconds_per_day: Annotated[str | None, typer.Option(metavar="N|none", help="From midnight UTC.")] = None,
    budget: Annotated[str | None, typer.Option(metavar="MONEY|none", help="In all; then nothing is admitted.")] = None,
    retention_days: Annotated[str | None, typer.Option(metavar="N|none", help="Ended jobs are kept so long.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Set what is given and leave the rest; 'none' takes a limit away. Counts from the next submission on."""
    given = dict(zip(_COLUMNS, (max_pending, max_running, gpu_seconds_per_day, budget, retention_days), strict=True))
    faults: list[Fault] = []
    values = {column: _limit(column, text, faults) for column, text in given.items() if text is not None}
    faults += weight_faults(weight, "--weight")
    if faults:
        raise InvalidRequest(faults)
    with Connections.open() as connections:
        check_revision(connections.engine)
        save_limits(connections, name, values, weight)
    changed = values | ({} if weight is None else {"weight": weight})
    answer(as_json, {"name": name, "changed": changed}, f"Project {name} is set.")


def show(name: Name, as_json: JsonOption = False) -> None:
    """Show a project's limits, and how much of each is used."""
    with Connections.open() as connections:
        check_revision(connections.engine)
        with read(connections.engine) as connection:
            row = connection.execute(
                select(Project.id, Project.weight, Project.paused_at, Project.retention_days).where(
                    Project.name == name
                )
            ).one_or_none()
            if row is None:
                raise NotFound(f"There is no project named {name!r}; `farm projects list` shows them.")
            found = quota_use(connection, row.id, connections.clock())
        if as_json:
            print_json(_values(name, row, found, connections.settings.currency))
            return
        typer.echo(f"project      {name}{', paused' if row.paused_at else ''}; weight {row.weight:g}")
        for line in _lines(found, connections.settings.currency):
            typer.echo(line)


def _values(name: str, row: Any, found: QuotaUse, currency: str) -> dict[str, Any]:
    """What `farm project show` knows of a project."""
    return {
        "name": name,
        "paused": row.paused_at is not None,
        "weight": row.weight,
        "retention_days": row.retention_days,
        "currency": currency,
        **asdict(found),
    }


def _lines(found: QuotaUse, currency: str) -> list[str]:
    return [
        f"waiting      {found.waiting.pending:,}{_of(found.max_pending)} renders",
        f"running      {found.waiting.running:,}{_of(found.max_running)} renders",
        f"today        {found.today.gpu_seconds:,.0f} used and {found.waiting.gpu_seconds:,.0f} admitted"
        f"{_of(found.gpu_seconds_per_day)} GPU-seconds",
        f"budget       {found.spent.money:,.2f} spent and {found.waiting.money:,.2f} promised"
        f"{_of(found.budget)} {currency}",
        f"in all       {found.spent.gpu_seconds:,.0f} GPU-seconds, {found.spent.watt_hours:,.0f} Wh,"
        f" {found.spent.renders:,} renders",
    ]


def _of(limit: float | None) -> str:
    return "" if limit is None else f" of {limit:,g}"


def _limit(column: str, text: str, faults: list[Fault]) -> float | None:
    if text.lower() == NONE:
        return None
    try:
        value = int(text) if column in _WHOLE else float(text)
        if not 0 <= value < 2**31:
            raise ValueError
    except ValueError:
        kind = "a whole number from 0 on" if column in _WHOLE else "a number from 0 on"
        faults.append(Fault(f"--{column.replace('_', '-')}", f"must be {kind}, or '{NONE}'; seen {text[:40]!r}"))
        return None
    return value
