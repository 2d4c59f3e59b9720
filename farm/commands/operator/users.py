"""`farm users`: the people who sign in to the dashboard."""

from dataclasses import asdict
from typing import Annotated

import typer

from farm import accounts
from farm.accounts.identities import connect_user
from farm.client.connection.address import local_url
from farm.commands.operator.accounts import ProjectOption
from farm.console.output import JsonOption, answer, print_json
from farm.console.own_database import database, day, project_id, user_id
from farm.console.tables import print_list
from farm.errors import Fault, InvalidRequest
from farm.local.stack import reachable
from farm.security import Role
from farm.settings import Settings

NameArgument = Annotated[str, typer.Argument(help="The name of the user.")]


def register(app: typer.Typer) -> None:
    """Add the group `users`."""
    users = typer.Typer(no_args_is_help=True, help="People who sign in to the dashboard.")
    users.command("create")(create)
    users.command("list")(list_)
    users.command("link")(link)
    users.command("role")(role)
    users.command("password")(password)
    users.command("sign-out")(sign_out)
    users.command("disable")(disable)
    users.command("enable")(enable)
    users.command("remove")(remove)
    users.command("connect")(connect)
    app.add_typer(users, name="users")


def create(
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    project: ProjectOption = accounts.FIRST_PROJECT,
    role: Annotated[Role, typer.Option(help="What the user may do, each more than the one before it.")] = Role.ARTIST,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password to sign in with.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a user. Without a password the user signs in by links: `farm users link NAME`."""
    chosen = _ask_password() if password else None
    with database() as (_, engine):
        accounts.create_user(engine, project_id(engine, project), name, role, chosen)
    made = {"name": name, "role": role.value, "project": project}
    answer(as_json, made, f"User {name} ({role.value}) of project {project} is made.")


def list_(as_json: JsonOption = False) -> None:
    """Show who may sign in, with the open sessions."""
    with database() as (_, engine):
        rows = accounts.list_users(engine)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_list(
        ["name", "role", "project", "sessions", "signs in by", "made", "disabled"],
        (
            [
                row.name,
                row.role,
                row.project,
                str(row.sessions),
                "password or link" if row.has_password else "link",
                day(row.created_at),
                day(row.disabled_at) if row.disabled_at is not None else "",
            ]
            for row in rows
        ),
        nothing="There is no user. Make one: farm users create NAME",
    )


def link(
    name: NameArgument,
    minutes: Annotated[float, typer.Option(help="How long the link is valid.", min=0)] = 15.0,
    url: Annotated[str | None, typer.Option(help="Address of the dashboard, if not the one that is known.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that signs a user in to the dashboard, once."""
    with database() as (settings, engine):
        base_url = url or dashboard_url(settings)
        signs_in = accounts.sign_in_link(engine, user_id(engine, name), base_url, minutes * 60)
    answer(as_json, {"name": name, "link": signs_in, "seconds": minutes * 60}, signs_in)


def role(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(help="What the user may do from now on.")],
    as_json: JsonOption = False,
) -> None:
    """Give a user another role, at once."""
    with database() as (_, engine):
        accounts.change_user(engine, name, role=role)
    answer(as_json, {"name": name, "role": role.value}, f"User {name} is {role.value} now.")


def password(name: NameArgument, as_json: JsonOption = False) -> None:
    """Give a user a new password, which is asked for; all sessions of the user end."""
    chosen = _ask_password()
    with database() as (_, engine):
        accounts.change_user(engine, name, password_hash=accounts.new_password_hash(chosen))
    words = f"User {name} has a new password, and is signed out everywhere."
    answer(as_json, {"name": name, "password": "changed"}, words)


def sign_out(name: NameArgument, as_json: JsonOption = False) -> None:
    """End all sessions of a user, and the sign-in links that were not used. API keys stay: `farm keys revoke`."""
    with database() as (_, engine):
        ended = accounts.change_user(engine, name, ends_sessions=True)
    words = f"User {name} is signed out: {ended} {'session' if ended == 1 else 'sessions'} ended."
    answer(as_json, {"name": name, "sessions_ended": ended}, words)


def disable(name: NameArgument, as_json: JsonOption = False) -> None:
    """Shut a user out: sessions, API keys and links stop at once. Jobs go on."""
    with database() as (_, engine):
        accounts.change_user(engine, name, disabled=True)
    words = f"User {name} is disabled; `farm users enable {name}` lets the user in again."
    answer(as_json, {"name": name, "disabled": True}, words)


def enable(name: NameArgument, as_json: JsonOption = False) -> None:
    """Let a disabled user in again; API keys that were not revoked work again."""
    with database() as (_, engine):
        accounts.change_user(engine, name, disabled=False)
    answer(as_json, {"name": name, "disabled": False}, f"User {name} is enabled.")


def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Forget a user, with sessions and API keys. The jobs stay with the project."""
    with database() as (_, engine):
        accounts.remove_user(engine, name)
    answer(as_json, {"name": name, "removed": True}, f"User {name} is removed.")


def connect(
    name: NameArgument,
    subject: Annotated[str, typer.Argument(help="Who this is for the sign-in service: the claim 'sub'.")],
    as_json: JsonOption = False,
) -> None:
    """Let a user who is here already sign in by the service of FARM_OIDC_ISSUER, too."""
    with database() as (settings, engine):
        if settings.oidc_issuer is None:
            raise InvalidRequest([Fault("FARM_OIDC_ISSUER", "is not set: this farm has no sign-in service")])
        connect_user(engine, name, settings.oidc_issuer, subject)
    answer(as_json, {"name": name, "subject": subject}, f"User {name} signs in as {subject}, too.")


def dashboard_url(settings: Settings) -> str:
    """Where people find the dashboard: as the settings say, or as the farm of this data folder wrote it down."""
    listens = f"http://{reachable(settings.dashboard_host)}:{settings.dashboard_port}"
    return settings.public_url or local_url(settings.data_dir) or listens


def _ask_password() -> str:
    chosen: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return chosen
