"""The command `farm up`: a whole farm on this machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

from farm.console.output import JsonOption, answer
from farm.errors import Fault, InvalidRequest
from farm.local.head_start import begin
from farm.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where all data of this farm lie; ./farm-data, or FARM_DATA_DIR."),
    ] = None,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Keep the jobs in a PostgreSQL, started here, instead of SQLite.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="The dashboard's port; else 8420, or a free one if that is taken."),
    ] = None,
    workers: Annotated[
        list[str] | None,
        typer.Option(metavar="POOL=N", help="How many workers of a pool, instead of what the catalog says."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start a farm on this machine, print where it is, and run it until Ctrl-C or SIGTERM.

    A Valkey, an S3 server and a database are started too, unless FARM_REDIS_URL, FARM_S3_ENDPOINT_URL and
    FARM_DATABASE_URL name yours.
    """
    counts = _counts(workers or [])
    given = {"FARM_DATA_DIR": data and str(data.absolute()), "FARM_DASHBOARD_PORT": port and str(port)}
    variables = {**os.environ, **{name: value for name, value in given.items() if value}}
    try:
        begun = begin(load_settings(variables=variables), counts)
        from farm.local.stack import LocalStack  # only now: the engines' fork server is on its way

        with LocalStack(postgres=postgres, head_start=begun) as stack:
            data_dir = stack.settings.data_dir
            words = (
                f"\nThe farm runs at {stack.url}. To sign in, once, within 15 minutes:\n\n  {stack.sign_in_link}\n\n"
                f"Its data lie in {data_dir}. Stop it with Ctrl-C."
            )
            answer(as_json, {"url": stack.url, "sign_in_link": stack.sign_in_link, "data_dir": data_dir}, words)
            stack.wait()
    except KeyboardInterrupt:
        typer.echo("The farm is stopped.")


def _counts(options: list[str]) -> dict[str, int]:
    """POOL=N as a dictionary. Raises InvalidRequest naming all that are not so."""
    counts, faults = {}, []
    for option in options:
        pool, _, number = option.rpartition("=")
        if pool and number.isdecimal():
            counts[pool] = int(number)
        else:
            faults.append(Fault("--workers", f"must be POOL=N, like sana-demo-local=2; seen {option!r}"))
    if faults:
        raise InvalidRequest(faults)
    return counts
