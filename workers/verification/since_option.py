"""What `farm verify --since` prints, and its exit codes."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from farm.connections import Connections
from farm.console.session import ExitCode, out, print_json, say
from farm.logs import configure_logging

if TYPE_CHECKING:
    from workers.verification.affected_renders import Checked


def verify_since(
    since: str, until: str | None, *, only_list: bool, pool: str | None, tolerance: float, as_json: bool
) -> None:
    """Exit codes: 0 all are what their manifests say, 1 some differ, 2 some could not be made again."""
    from workers.verification.affected_renders import Checked, check, list_affected

    first = _read_date("--since", since)
    last = math.inf if until is None else _read_date("--until", until)
    with Connections.open() as connections:
        configure_logging(connections.settings)  # to stderr: stdout is for the verdicts
        affected = list_affected(connections, first, last)
        say(f"{len(affected)} finished renders were made, or begun, by a worker on which a LoRA had failed before them")
        made = check(connections, affected, pool=pool, tolerance=tolerance)
        found = _print_each([Checked(one) for one in affected] if only_list else made, only_list, as_json)
    differing, unmade = sum(one.differs for one in found), sum(one.verified is None for one in found)
    if only_list:
        return
    say(f"{differing} differ from their manifests, {unmade} could not be made again here, of {len(found)}")
    if differing:
        raise typer.Exit(ExitCode.FAILED)
    if unmade:
        raise typer.Exit(ExitCode.REFUSED)


def _print_each(checked: "Iterable[Checked]", only_list: bool, as_json: bool) -> "list[Checked]":
    """Each as soon as it is known; it may take hours until all are."""
    found = []
    for one in checked:
        found.append(one)
        affected, verified = one.affected, one.verified
        worker = affected.failure.worker_id
        if as_json:
            print_json(
                {
                    "render_id": affected.render_id,
                    "job_id": affected.job_id,
                    "project": affected.project,
                    "model": affected.model,
                    "finished_at": affected.finished_at,
                    "adapters": affected.adapters,
                    "worker_id": worker,
                    "failed_render_id": affected.failure.render_id,
                    "failed_reason": affected.failure.reason,
                    "verdict": verified.verdict.value if verified else None,
                    "differs": None if only_list or verified is None else one.differs,
                    "differences": list(one.differences),
                    "reason": one.reason,
                }
            )
        else:
            when = datetime.fromtimestamp(affected.finished_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            made_with = f"with {', '.join(affected.adapters)}" if affected.adapters else "plain"
            told = f"worker {worker}" if only_list else str(one)
            out().print(f"{affected.render_id}  {when}  {affected.project}  {affected.model}, {made_with}: {told}")
    return found


def _read_date(option: str, text: str) -> float:
    """Seconds since 1970. A date without a zone is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{option} takes a date as 2026-11-28 or 2026-11-28T10:00:00Z; seen {text!r}"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
