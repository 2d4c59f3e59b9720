"""Projects, members and keys with a key and no database."""

import json
from typing import Any

import pytest

from farm.accounts import create_key, create_user
from farm.client import FarmClient, FarmProblem
from farm.security import Role
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm"]  # fixtures


@pytest.fixture
def person(dashboard: DashboardFarm, environment: dict[str, str]) -> str:
    """The command speaks for a person of the project."""
    name = f"ada of {dashboard.project_id[-12:]}"
    engine = dashboard.connections.engine
    user_id = create_user(engine, dashboard.project_id, name, Role.ARTIST)
    environment["FARM_KEY"] = create_key(engine, dashboard.project_id, name="hers", user_id=user_id).secret
    return name


def test_a_person_has_keys_of_her_own_without_the_database(farm: Farm, person: str, dashboard: DashboardFarm) -> None:
    def answer(*arguments: str) -> Any:
        told = farm(*arguments, "--json")
        assert told.exit_code == 0, told.stderr
        return json.loads(told.stdout)

    who = answer("whoami")
    assert (who["user"], who["role"], who["key"]["name"]) == (person, "artist", "hers")
    assert f"person   {person}" in farm("whoami").stdout
    assert answer("members") == [{"name": person, "role": "artist", "disabled": False}]
    assert [project["name"] for project in answer("projects", "list", "--api")] == [who["project"]["name"]]

    made = farm("keys", "create", "laptop", "--api", "--days", "1")
    with FarmClient(dashboard.url, made.stdout.strip()) as laptop:
        key = laptop.whoami().key
        assert key is not None
        assert (key.name, key.expires_at is not None) == ("laptop", True)
    assert [one["name"] for one in answer("keys", "list", "--api")] == ["hers", "laptop"]
    assert answer("keys", "revoke", key.id, "--api") == {"id": key.id, "revoked": True}
    assert "revoked" in farm("keys", "list", "--api").stdout
    assert farm("keys", "create", "theirs", "--api", "--user", person).exit_code == 2


def test_what_is_for_admins_is_refused_to_others(farm: Farm, person: str, environment: dict[str, str]) -> None:
    assert farm("projects", "create", "mine", "--api").exit_code == 2
    assert farm("members", "default").exit_code == 2
    with FarmClient(environment["FARM_URL"], environment["FARM_KEY"]) as client:
        for call in (client.users, lambda: client.remove_user(person), lambda: client.change_user(person, role="x")):
            with pytest.raises(FarmProblem) as refused:
                call()
            assert refused.value.status == 403


def test_an_admin_lets_people_in(dashboard: DashboardFarm) -> None:
    engine, name = dashboard.connections.engine, f"op of {dashboard.project_id[-12:]}"
    user_id = create_user(engine, dashboard.project_id, name, Role.ADMIN)
    key = create_key(engine, dashboard.project_id, name="op", user_id=user_id).secret
    with FarmClient(dashboard.url, key) as client:
        project = client.create_project(f"studio {dashboard.project_id}", 2.0)
        bea = client.create_user(f"bea of {dashboard.project_id[-12:]}", project.name, password="a long enough one")
        assert (bea.role, bea.has_password, bea.project) == ("artist", True, project.name)
        assert client.change_user(bea.name, disabled=True).disabled_at is not None
        assert [(one.name, one.disabled) for one in client.members(project.name)] == [(bea.name, True)]
        made = client.create_key("for machines", project=project.name, seconds=60)
        assert (made.key.user, made.secret in repr(made)) == (None, False)
        assert [one.id for one in client.keys(project.name)] == [made.key.id]
        client.revoke_key(made.key.id)
        client.remove_user(bea.name)
        assert bea.name not in [one.name for one in client.users()]
