"""Accounts: keys, passwords and sign-in links let in whom they should, once where once was said, and nobody else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from typer.testing import CliRunner

from farm import accounts
from farm.accounts import Principal
from farm.cli import build_app
from farm.database import read
from farm.errors import Conflict, InvalidRequest, NotFound
from farm.security import KeyKind, Role, hash_password, is_secret, new_secret, verify_password
from farm.tables import Base, Key, Project, User

NOW = 1_800_000_000.0
NOBODY = "018f0000-0000-7000-8000-000000000000"


def clock() -> float:
    return NOW


@pytest.fixture
def project(engine: Engine) -> str:
    return accounts.create_project(engine, "pictures", clock=clock)


def secret_of(link: str) -> str:
    return link.rsplit("/", 1)[1]


class TestSecrets:
    def test_a_new_secret_is_well_formed_and_never_the_same(self) -> None:
        made = {new_secret() for _ in range(200)}

        assert len(made) == 200
        assert all(is_secret(secret) and secret.startswith("lf_") and len(secret) == 39 for secret in made)

    @given(st.integers(3, 38), st.characters(codec="ascii"))
    def test_a_mistyped_secret_is_seen_without_a_look_into_the_database(self, place: int, typed: str) -> None:
        secret = new_secret()
        mistyped = secret[:place] + typed + secret[place + 1 :]

        assert is_secret(mistyped) == (mistyped == secret)

    @given(st.text())
    def test_any_text_may_be_asked_about(self, text: str) -> None:
        assert not is_secret(text)

    @pytest.mark.parametrize("password", ["nul\0", "\ud800", "пароль 密码", "x" * 10_000])
    def test_a_password_may_hold_any_character(self, password: str) -> None:
        assert verify_password(password, hash_password(password))
        assert not verify_password(password, None)
        assert not verify_password(password, "no hash at all")

    def test_a_password_is_right_or_wrong(self) -> None:
        kept = hash_password("correct horse")

        assert verify_password("correct horse", kept)
        assert not verify_password("correct house", kept)
        assert "correct" not in kept


class TestKeys:
    def test_a_key_stands_for_its_project(self, engine: Engine, project: str) -> None:
        key = accounts.create_key(engine, project, KeyKind.API, "laptop", clock=clock)

        assert accounts.authenticate(engine, key.secret, NOW) == Principal(project, None, Role.ARTIST)

    def test_a_key_of_a_user_has_the_users_role(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada", Role.OPERATOR)
        key = accounts.create_key(engine, project, KeyKind.API, "laptop", user_id=user)

        assert accounts.authenticate(engine, key.secret, NOW) == Principal(project, user, Role.OPERATOR)

    def test_no_database_holds_a_secret(self, engine: Engine, project: str) -> None:
        key = accounts.create_key(engine, project)

        with read(engine) as connection:
            row = connection.execute(select(Key.__table__)).one()
        assert key.secret not in repr(row)
        assert key.secret not in repr(key)

    def test_an_ended_key_lets_nobody_in(self, engine: Engine, project: str) -> None:
        expired = accounts.create_key(engine, project, seconds=60, clock=clock)
        revoked = accounts.create_key(engine, project, clock=clock)
        accounts.revoke_key(engine, revoked.id)
        accounts.revoke_key(engine, revoked.id)

        assert accounts.authenticate(engine, expired.secret, NOW + 59) is not None
        assert accounts.authenticate(engine, expired.secret, NOW + 60) is None
        assert accounts.authenticate(engine, revoked.secret, NOW) is None

    @pytest.mark.parametrize("wrong", ["", "lf_", "Bearer lf_x", "lf_" + "0" * 36, "\ud800", "lf_\0", "x" * 10_000])
    def test_an_unknown_key_lets_nobody_in(self, engine: Engine, project: str, wrong: str) -> None:
        accounts.create_key(engine, project)

        assert accounts.authenticate(engine, wrong, NOW) is None
        assert accounts.authenticate(engine, new_secret(), NOW) is None
        assert accounts.redeem(engine, wrong, NOW) is None

    def test_a_list_of_keys_shows_whose_they_are_and_no_secret(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada")
        first = accounts.create_key(engine, project, KeyKind.API, "laptop", user_id=user, clock=clock)
        accounts.sign_in_link(engine, user, "http://farm")
        other = accounts.create_project(engine, "other")
        second = accounts.create_key(engine, other, KeyKind.API, "robot", clock=clock)

        shown = accounts.list_keys(engine)

        assert [(key.id, key.name, key.project, key.user) for key in shown] == [
            (first.id, "laptop", "pictures", "ada"),
            (second.id, "robot", "other", None),
        ]
        assert [key.id for key in accounts.list_keys(engine, other)] == [second.id]
        assert first.secret not in repr(shown)

    def test_what_is_not_there_is_not_found(self, engine: Engine, project: str) -> None:
        stranger = accounts.create_user(engine, accounts.create_project(engine, "other"), "eve")

        with pytest.raises(NotFound):
            accounts.create_key(engine, NOBODY)
        with pytest.raises(NotFound):
            accounts.create_key(engine, project, user_id=stranger)
        with pytest.raises(NotFound):
            accounts.revoke_key(engine, NOBODY)
        with pytest.raises(NotFound):
            accounts.sign_in_link(engine, NOBODY, "http://farm")


class TestSignInLinks:
    def test_a_link_signs_in_once(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada")
        link = accounts.sign_in_link(engine, user, "http://127.0.0.1:8420/", clock=clock)

        assert link.startswith("http://127.0.0.1:8420/sign-in/lf_")
        assert accounts.redeem(engine, secret_of(link), NOW) == Principal(project, user, Role.ARTIST)
        assert accounts.redeem(engine, secret_of(link), NOW) is None

    def test_of_many_who_come_with_one_link_at_once_one_gets_in(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada")
        secret = secret_of(accounts.sign_in_link(engine, user, "http://farm", clock=clock))

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: accounts.redeem(engine, secret, NOW), range(16)))

        assert len([answer for answer in answers if answer is not None]) == 1

    def test_an_old_link_is_void(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada")
        link = accounts.sign_in_link(engine, user, "http://farm", 900, clock=clock)

        assert accounts.redeem(engine, secret_of(link), NOW + 900) is None

    def test_links_and_keys_do_not_stand_in_for_each_other(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada")
        link = accounts.sign_in_link(engine, user, "http://farm", clock=clock)
        key = accounts.create_key(engine, project, user_id=user, clock=clock)

        assert accounts.authenticate(engine, secret_of(link), NOW) is None
        assert accounts.redeem(engine, key.secret, NOW) is None


class TestPeople:
    def test_a_name_and_its_password_sign_in(self, engine: Engine, project: str) -> None:
        user = accounts.create_user(engine, project, "ada", Role.ARTIST, "correct horse")

        found = accounts.authenticate_password(engine, "ada", "correct horse")

        assert found == Principal(project, user, Role.ARTIST)
        assert accounts.authenticate_password(engine, "ada", "correct house") is None
        assert accounts.authenticate_password(engine, "eve", "correct horse") is None

    def test_a_user_without_a_password_has_none(self, engine: Engine, project: str) -> None:
        accounts.create_user(engine, project, "ada")

        assert accounts.authenticate_password(engine, "ada", "") is None

    def test_names_are_taken_once(self, engine: Engine, project: str) -> None:
        accounts.create_user(engine, project, "ada")

        with pytest.raises(Conflict, match="ada"):
            accounts.create_user(engine, project, "ada")
        with pytest.raises(Conflict, match="pictures"):
            accounts.create_project(engine, "pictures")

    @pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "nul\0", "\ud800", ".", "..", "film/../a"])
    def test_a_name_that_cannot_be_shown_or_has_no_address_is_refused(
        self, engine: Engine, project: str, name: str
    ) -> None:
        with pytest.raises(InvalidRequest):
            accounts.create_user(engine, project, name)
        with pytest.raises(InvalidRequest):
            accounts.create_project(engine, name)
        with pytest.raises(InvalidRequest):
            accounts.create_key(engine, project, name=name)

    @pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
    def test_a_weight_is_a_positive_number(self, engine: Engine, weight: float) -> None:
        with pytest.raises(InvalidRequest):
            accounts.create_project(engine, "odd", weight)

    def test_the_first_account_is_made_once_however_many_ask(self, engine: Engine) -> None:
        with ThreadPoolExecutor(6) as threads:
            answers = set(threads.map(lambda _: accounts.ensure_first_project(engine), range(6)))

        assert len(answers) == 1
        assert [count(engine, table) for table in (Project, User)] == [1, 1]
        (first,) = answers
        link = accounts.sign_in_link(engine, first.user_id, "http://farm", clock=clock)
        assert accounts.redeem(engine, secret_of(link), NOW) == Principal(first.project_id, first.user_id, Role.ADMIN)


def count(engine: Engine, table: type[Base]) -> int:
    with read(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestCommands:
    @pytest.fixture
    def farm(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
        monkeypatch.setenv("FARM_DATABASE_URL", database_url)
        return CliRunner()

    def test_a_key_goes_to_stdout_alone_and_works(self, farm: CliRunner, engine: Engine) -> None:
        assert farm.invoke(build_app(), ["projects", "create", "pictures", "--weight", "2"]).exit_code == 0

        made = farm.invoke(build_app(), ["keys", "create", "laptop", "--project", "pictures"])

        assert made.exit_code == 0
        secret = made.stdout.strip()
        assert is_secret(secret)
        assert accounts.authenticate(engine, secret, NOW) is not None
        listed = farm.invoke(build_app(), ["keys", "list"], env={"COLUMNS": "200"}).stdout
        assert "laptop" in listed
        assert secret not in listed
        key_id = accounts.list_keys(engine)[0].id
        assert farm.invoke(build_app(), ["keys", "revoke", key_id]).exit_code == 0
        assert accounts.authenticate(engine, secret, NOW) is None

    def test_lists_in_a_pipe_are_whole_however_narrow_it_seems(self, farm: CliRunner, engine: Engine) -> None:
        name = "a project with a name that is longer than any line of a narrow terminal is wide, and then some more"
        farm.invoke(build_app(), ["projects", "create", name])
        farm.invoke(build_app(), ["keys", "create", name, "--project", name])

        listed = farm.invoke(build_app(), ["keys", "list"], env={"COLUMNS": "20"}).stdout.splitlines()
        projects = farm.invoke(build_app(), ["projects", "list"], env={"COLUMNS": "20"}).stdout.splitlines()

        (key,) = accounts.list_keys(engine)
        assert [line.split("\t")[:3] for line in listed] == [["id", "name", "project"], [key.id, name, name]]
        assert projects[1].split("\t")[:2] == [name, "1"]

    def test_a_user_is_made_and_gets_a_link(self, farm: CliRunner, engine: Engine, project: str) -> None:
        asked = ["users", "create", "ada", "--project", "pictures", "--role", "operator", "--password"]
        made = farm.invoke(build_app(), asked, input="correct horse\ncorrect horse\n")
        linked = farm.invoke(build_app(), ["users", "link", "ada", "--url", "https://farm.example"])

        assert (made.exit_code, linked.exit_code) == (0, 0)
        assert "correct" not in made.output
        assert linked.stdout.startswith("https://farm.example/sign-in/lf_")
        assert accounts.authenticate_password(engine, "ada", "correct horse") is not None

    def test_an_unknown_project_is_said_with_what_to_do(self, farm: CliRunner, project: str) -> None:
        refused = farm.invoke(build_app(), ["keys", "create", "x", "--project", "nope"])
        assert (refused.exit_code, "farm projects create" in refused.stderr) == (2, True)
