"""`farm users`: an admin is master of who comes in, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from farm import accounts
from farm.cli import build_app
from farm.client.connection.address import CLIENT_FILE
from farm.clock import system_clock
from farm.security import Role

Users = Callable[..., Result]


@pytest.fixture
def command(engine: Engine, database_url: str, tmp_path: Path) -> Users:
    """The command on a database with the admin ada and the artist bob."""
    studio = accounts.create_project(engine, "studio")
    accounts.create_user(engine, studio, "ada", Role.ADMIN)
    accounts.create_user(engine, studio, "bob", password="old one")
    environment = {"FARM_DATABASE_URL": database_url, "FARM_DATA_DIR": str(tmp_path), "COLUMNS": "200"}

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(build_app(), list(arguments), input=stdin, env=environment)

    return run


@pytest.fixture
def users(command: Users) -> Users:
    """`farm users` there."""
    return lambda *arguments, **options: command("users", *arguments, **options)


def session_of(engine: Engine, name: str) -> str:
    user_id = accounts.find_user(engine, name)
    assert user_id is not None
    secret = accounts.begin_session(engine, user_id, system_clock())
    assert secret is not None
    return secret


def is_open(engine: Engine, secret: str) -> bool:
    return accounts.find_session(engine, secret, system_clock()) is not None


def test_the_whole_life_of_a_user(users: Users, engine: Engine) -> None:
    session = session_of(engine, "bob")
    listed = users("list").stdout
    assert [line.split("\t")[0] for line in listed.splitlines() if "studio" in line] == ["ada", "bob"]

    assert users("role", "bob", "operator").exit_code == 0
    assert accounts.authenticate_password(engine, "bob", "old one").role is Role.OPERATOR  # type: ignore[union-attr]
    assert "1 session ended" in users("sign-out", "bob").stdout
    assert not is_open(engine, session)

    session = session_of(engine, "bob")
    assert users("password", "bob", stdin="new one\nnew one\n").exit_code == 0
    assert not is_open(engine, session)
    assert accounts.authenticate_password(engine, "bob", "old one") is None
    assert accounts.authenticate_password(engine, "bob", "new one") is not None

    session = session_of(engine, "bob")
    assert users("disable", "bob").exit_code == 0
    assert not is_open(engine, session)
    assert accounts.authenticate_password(engine, "bob", "new one") is None
    assert "disabled" in users("link", "bob").stderr
    assert users("enable", "bob").exit_code == 0
    assert accounts.authenticate_password(engine, "bob", "new one") is not None

    assert users("remove", "bob").exit_code == 0
    assert accounts.find_user(engine, "bob") is None


@pytest.mark.parametrize("arguments", [["disable", "ada"], ["remove", "ada"], ["role", "ada", "artist"]])
def test_the_last_admin_stays(users: Users, engine: Engine, arguments: list[str]) -> None:
    refused = users(*arguments)
    assert refused.exit_code == 2
    assert "last admin" in refused.stderr
    session_of(engine, "ada")


def test_an_unknown_name_is_told(users: Users) -> None:
    for arguments in (["disable", "eve"], ["remove", "eve"], ["role", "eve", "artist"], ["sign-out", "eve"]):
        assert "no user named 'eve'" in users(*arguments).stderr


def test_a_link_has_the_address_that_the_farm_has(
    users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert users("link", "bob").stdout.startswith("http://127.0.0.1:8420/sign-in/")
    monkeypatch.setenv("FARM_DASHBOARD_HOST", "0.0.0.0")
    assert users("link", "bob").stdout.startswith("http://127.0.0.1:8420/sign-in/")  # nobody can visit 0.0.0.0
    # As `farm up --port 8521` writes it.
    (tmp_path / CLIENT_FILE).write_text(json.dumps({"url": "http://127.0.0.1:8521", "key": "lf_x"}))
    assert users("link", "bob").stdout.startswith("http://127.0.0.1:8521/sign-in/")
    monkeypatch.setenv("FARM_PUBLIC_URL", "https://farm.example")
    assert users("link", "bob").stdout.startswith("https://farm.example/sign-in/")
