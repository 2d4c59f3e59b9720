"""`farm audit`: what was done on the database by commands, and what the API says of it."""

import json
from typing import Any

from sqlalchemy import Engine

from farm import accounts
from farm.audit.actor import Actor, Via, acting_as, current_actor
from farm.security import Role
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.commands.test_users import Users, command
from tests.farm.dashboards import DashboardFarm

__all__ = ["command", "environment", "farm"]  # fixtures


def test_a_command_is_its_system_users_deed(command: Users, engine: Engine) -> None:
    def audit(*options: str) -> Any:
        return command("audit", *options)

    def listed(*options: str) -> Any:
        told = audit("--json", *options)
        assert told.exit_code == 0, told.output
        return json.loads(told.stdout)

    assert command("users", "disable", "bob").exit_code == 0
    with acting_as(Actor(Via.API, name="a script")):
        accounts.create_project(engine, "film")
    newest, *older = listed()
    assert (newest["action"], newest["actor"], newest["via"]) == ("project.created", "a script", "api")
    changed = older[0]
    assert (changed["action"], changed["target"], changed["project"]) == ("user.changed", "bob", "studio")
    assert (changed["actor"], changed["via"], changed["address"]) == (current_actor().name, "command", None)
    assert [entry["target"] for entry in listed("--action", "user.created", "--limit", "1")] == ["bob"]
    assert listed("--until", "2020-01-01") == []
    assert len(listed("--since", "2020-01-01T00:00:00+02:00", "--actor", "a script")) == 1
    assert "disabled=True" in audit().stdout
    assert audit("--action", "none").exit_code == 2


def test_by_the_api_it_is_for_admins(farm: Farm, dashboard: DashboardFarm, environment: dict[str, str]) -> None:
    engine, name = dashboard.connections.engine, f"admin of {dashboard.project_id[-12:]}"
    assert farm("audit", "--api").exit_code == 2
    user_id = accounts.create_user(engine, dashboard.project_id, name, Role.ADMIN)
    environment["FARM_KEY"] = accounts.create_key(engine, dashboard.project_id, user_id=user_id).secret
    told = farm("audit", "--api", "--json", "--target", name, "--since", "2020-01-01")
    assert [entry["action"] for entry in json.loads(told.stdout)] == ["user.created"]
