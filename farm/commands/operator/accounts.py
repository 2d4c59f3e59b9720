"""`farm projects` and `farm keys`: for whom work is done, and with which secrets."""

from dataclasses import asdict
from typing import Annotated

import typer

from farm import accounts
from farm.console import accounts_by_api
from farm.console.output import JsonOption, answer, print_json, say
from farm.console.own_database import database, day, project_id, user_id
from farm.console.tables import print_list
from farm.security import KeyKind, Scope

ApiOption = Annotated[
    bool, typer.Option("--api", help="Ask the farm by its API, with your key, instead of its database.")
]
ProjectOption = Annotated[str, typer.Option("--project", help="The name of the project.")]
DAY_SECONDS = 86_400.0


def register(app: typer.Typer) -> None:
    """Add the groups `projects` and `keys`."""
    projects = typer.Typer(no_args_is_help=True, help="Tenants: each has its part in the fair share.")
    projects.command("create")(create_project)
    projects.command("list")(list_projects)
    app.add_typer(projects, name="projects")
    keys = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
    keys.command("create")(create_key)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys, name="keys")


def create_project(
    name: Annotated[str, typer.Argument(help="The name of the project.")],
    weight: Annotated[float, typer.Option(help="Its part in the fair share, beside the others' weights.")] = 1.0,
    by_api: ApiOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a project."""
    if by_api:
        accounts_by_api.create_project(name, weight, as_json)
        return
    with database() as (_, engine):
        made = accounts.create_project(engine, name, weight)
    answer(as_json, {"id": made, "name": name, "weight": weight}, f"Project {name} is made.")


def list_projects(by_api: ApiOption = False, as_json: JsonOption = False) -> None:
    """Show the projects there are; by the API those that you may see."""
    if by_api:
        accounts_by_api.list_projects(as_json)
        return
    with database() as (_, engine):
        rows = accounts.list_projects(engine)
    if as_json:
        print_json([{"id": row.id, "name": row.name, "weight": row.weight} for row in rows])
        return
    print_list(
        ["name", "weight", "id"],
        ([row.name, f"{row.weight:g}", row.id] for row in rows),
        nothing="There is no project. Make one: farm projects create NAME",
    )


def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for, so that you know it again.")],
    project: Annotated[
        str | None, typer.Option(help=f"The name of the project; by default {accounts.FIRST_PROJECT}.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="A user whose role the key has.")] = None,
    days: Annotated[float | None, typer.Option(help="How long it is valid; without this until revoked.", min=0)] = None,
    scopes: Annotated[
        list[Scope] | None, typer.Option("--scope", help="It may do no more than this; may be given several times.")
    ] = None,
    by_api: ApiOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make an API key and print it, alone on stdout: this is the only time it can be seen.

    By the API it is a key of your own; for admins, with --project, one of that project.
    """
    seconds = None if days is None else days * DAY_SECONDS
    if by_api:
        if user is not None:
            raise typer.BadParameter("by the API a key is your own, or a project's", param_hint="--user")
        accounts_by_api.create_key(name, project, seconds, scopes, as_json)
        return
    project = project or accounts.FIRST_PROJECT
    with database() as (_, engine):
        key = accounts.create_key(
            engine,
            project_id(engine, project),
            KeyKind.API,
            name,
            user_id=user_id(engine, user) if user else None,
            seconds=seconds,
            scopes=scopes,
        )
    if as_json:
        print_json({"id": key.id, "name": name, "project": project, "secret": key.secret})
        return
    say(f"Key {key.id} of project {project}; keep it safe, it is not shown again:")
    typer.echo(key.secret)


def list_keys(
    project: Annotated[str | None, typer.Option(help="Only this project's.")] = None,
    by_api: ApiOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the API keys there are, without their secrets; by the API your own, or a project's for admins."""
    if by_api:
        accounts_by_api.list_keys(project, as_json)
        return
    with database() as (_, engine):
        rows = accounts.list_keys(engine, project_id(engine, project) if project else None)
    if as_json:
        print_json([asdict(row) | {"scopes": row.scopes.split(",")} for row in rows])
        return
    print_list(
        ["id", "name", "project", "user", "may", "made", "ends", "used"],
        map(_key_row, rows),
        nothing="There is no key. Make one: farm keys create NAME",
    )


def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `farm keys list` shows it.")],
    by_api: ApiOption = False,
    as_json: JsonOption = False,
) -> None:
    """End a key at once."""
    if by_api:
        accounts_by_api.revoke_key(key_id, as_json)
        return
    with database() as (_, engine):
        accounts.revoke_key(engine, key_id)
    answer(as_json, {"id": key_id, "revoked": True}, f"Key {key_id} is revoked.")


def _key_row(key: accounts.KeyRow) -> list[str]:
    used = "" if key.used_at is None else day(key.used_at)
    scopes = key.scopes.replace(",", " ")
    return [key.id, key.name, key.project, key.user or "", scopes, day(key.created_at), _end(key), used]


def _end(key: accounts.KeyRow) -> str:
    if key.revoked_at:
        return "revoked"
    return day(key.expires_at) if key.expires_at else "when revoked"
