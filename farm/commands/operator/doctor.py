"""`farm doctor`: is everything there, does it work, and what is to be done?"""

from dataclasses import asdict
from typing import Annotated

import typer

from farm.console.error_output import ExitCode
from farm.console.output import JsonOption, print_json
from farm.console.tables import print_list
from farm.did_you_mean import did_you_mean
from farm.doctor.examination import CHECKS, examine
from farm.doctor.findings import Level
from farm.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="PART…", help=f"Look at these only: {', '.join(CHECKS)}.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Contact everything that this node needs, try it, and say what is wrong and what to do.

    Database (schema, clock), Redis, object storage (store, read, delete, links), TLS certificates, versions, GPUs,
    disks, the dashboard's address, and who is at work. Secrets are never printed.

    Exit codes: 0 nothing fails (there may be warnings), 1 something does, 2 the settings are wrong.
    """
    parts = ["processes" if part == "crew" else part for part in parts or []]  # as it was called in 0.3
    for part in parts:
        if part not in CHECKS:
            raise typer.BadParameter(f"nothing is called {part!r}; {did_you_mean(part, CHECKS)}", param_hint="PART")
    findings = examine(load_settings(), parts or tuple(CHECKS))
    failed = any(finding.level is Level.FAIL for finding in findings)
    if as_json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        print_list(
            ["", "part", "found", "what to do"],
            ([finding.level, finding.part, finding.what, finding.remedy] for finding in findings),
            nothing="Nothing was looked at.",
        )
    if failed:
        raise typer.Exit(ExitCode.FAILED)
