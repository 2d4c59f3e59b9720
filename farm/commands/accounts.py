"""`farm projects`, `farm users` and `farm keys`: who may come in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from farm import accounts
from farm.database import check_revision, make_engine
from farm.errors import NotFound
from farm.security import KeyKind, Role
from farm.settings import Settings, load_settings

ProjectOption = Annotated[str, typer.Option("--project", help="The name of the project.")]
DAY_SECONDS = 86_400.0


def register(app: typer.Typer) -> None:
    """Add the groups `projects`, `users` and `keys`."""
    projects = typer.Typer(no_args_is_help=True, help="Tenants: each has its part in the fair share.")
    projects.command("create")(create_project)
    projects.command("list")(list_projects)
    app.add_typer(projects, name="projects")
    keys = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
    keys.command("create")(create_key)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys, name="keys")
    users = typer.Typer(no_args_is_help=True, help="People who sign in to the dashboard.")
    users.command("create")(create_user)
    users.command("link")(sign_in_link)
    app.add_typer(users, name="users")


def create_project(
    name: Annotated[str, typer.Argument(help="The name of the project.")],
    weight: Annotated[float, typer.Option(help="Its part in the fair share, beside the others' weights.")] = 1.0,
) -> None:
    """Make a project."""
    with _database() as (_, engine):
        accounts.create_project(engine, name, weight)
    typer.echo(f"Project {name} is made.")


def list_projects() -> None:
    """Show the projects there are."""
    with _database() as (_, engine):
        rows = accounts.list_projects(engine)
    table = Table("name", "weight", "id")
    for row in rows:
        table.add_row(row.name, f"{row.weight:g}", row.id)
    Console().print(table)


def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for, so that you know it again.")],
    project: ProjectOption = accounts.FIRST_PROJECT,
    user: Annotated[str | None, typer.Option(help="A user whose role the key has.")] = None,
    days: Annotated[float | None, typer.Option(help="How long it is valid; without this until revoked.", min=0)] = None,
) -> None:
    """Make an API key and print it, alone on stdout: this is the only time it can be seen."""
    with _database() as (_, engine):
        key = accounts.create_key(
            engine,
            _project_id(engine, project),
            KeyKind.API,
            name,
            user_id=_user_id(engine, user) if user else None,
            seconds=None if days is None else days * DAY_SECONDS,
        )
    Console(stderr=True).print(f"Key {key.id} of project {project}; keep it safe, it is not shown again:")
    typer.echo(key.secret)


def list_keys(project: Annotated[str | None, typer.Option(help="Only this project's.")] = None) -> None:
    """Show the API keys there are, without their secrets."""
    with _database() as (_, engine):
        rows = accounts.list_keys(engine, _project_id(engine, project) if project else None)
    table = Table("id", "name", "project", "user", "made", "ends")
    for row in rows:
        ends = "revoked" if row.revoked_at else _day(row.expires_at) if row.expires_at else "when revoked"
        table.add_row(row.id, row.name, row.project, row.user or "", _day(row.created_at), ends)
    Console().print(table)


def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `farm keys list` shows it.")],
) -> None:
    """End a key at once."""
    with _database() as (_, engine):
        accounts.revoke_key(engine, key_id)
    typer.echo(f"Key {key_id} is revoked.")


def create_user(
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    project: ProjectOption = accounts.FIRST_PROJECT,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.ARTIST,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password to sign in with.")] = False,
) -> None:
    """Make a user. Without a password the user signs in by links: `farm users link NAME`."""
    chosen = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True) if password else None
    with _database() as (_, engine):
        accounts.create_user(engine, _project_id(engine, project), name, role, chosen)
    typer.echo(f"User {name} ({role.value}) of project {project} is made.")


def sign_in_link(
    name: Annotated[str, typer.Argument(help="The name of the user.")],
    minutes: Annotated[float, typer.Option(help="How long the link is valid.", min=0)] = 15.0,
    url: Annotated[str | None, typer.Option(help="Address of the dashboard, if not that of the settings.")] = None,
) -> None:
    """Print a link that signs a user in to the dashboard, once."""
    with _database() as (settings, engine):
        base_url = url or settings.public_url or f"http://{settings.dashboard_host}:{settings.dashboard_port}"
        typer.echo(accounts.sign_in_link(engine, _user_id(engine, name), base_url, minutes * 60))


@contextmanager
def _database() -> Iterator[tuple[Settings, Engine]]:
    settings = load_settings()
    engine = make_engine(settings)
    try:
        check_revision(engine)
        yield settings, engine
    finally:
        engine.dispose()


def _project_id(engine: Engine, name: str) -> str:
    found = accounts.find_project(engine, name)
    if found is None:
        raise NotFound(f"There is no project named {name!r}; make one with `farm projects create`.")
    return found


def _user_id(engine: Engine, name: str) -> str:
    found = accounts.find_user(engine, name)
    if found is None:
        raise NotFound(f"There is no user named {name!r}; make one with `farm users create`.")
    return found


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
