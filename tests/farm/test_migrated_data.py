"""What a farm of an earlier version holds comes through each step to a newer schema, and back."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, inspect, text
from sqlalchemy.exc import IntegrityError

from farm.accounts import create_key, create_user, find_project
from farm.database import make_engine, read, write
from farm.ids import new_id
from farm.schema.revisions import newest_revision
from farm.schema.upgrade import alembic_config, upgrade
from farm.security import Role, Scope
from farm.tables import Base
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook, write_test
from tests.farm.migrating import WITHOUT_SEARCH, upgrade_to


def test_renders_of_the_first_release_come_through_an_upgrade(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, "0001")
        with write(engine) as connection:
            _insert_render_of_0001(connection)
            before = connection.execute(text("SELECT * FROM renders")).mappings().one()
            indexes = {index["name"] for index in inspect(connection).get_indexes("renders")}
            checks = inspect(connection).get_check_constraints("renders")
        upgrade(empty_database_url)
        with read(engine) as connection:
            after = connection.execute(text("SELECT * FROM renders")).mappings().one()
            kept = dict(before)
            assert dict(after) == kept | {"money": None, "watt_hours": None, "batch_limit": kept.pop("company")}
            assert inspect(connection).get_foreign_keys("renders") == []
            assert {index["name"] for index in inspect(connection).get_indexes("renders")} > indexes
            assert inspect(connection).get_check_constraints("renders") == checks
            assert compare_metadata(MigrationContext.configure(connection, opts=WITHOUT_SEARCH), Base.metadata) == []
            if connection.dialect.name == "sqlite":
                assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
                assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        with pytest.raises(IntegrityError), write(engine) as connection:  # an index of its own still keeps places apart
            connection.execute(text("INSERT INTO renders SELECT * FROM renders"))
        with pytest.raises(IntegrityError), write(engine) as connection:  # the attempts' key to it still holds
            connection.execute(text("DELETE FROM renders"))
    finally:
        engine.dispose()


def test_users_come_through_the_step_to_sessions_and_back(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, "0007")
        with write(engine) as connection:
            _insert_users(connection, ada="artist")
            connection.execute(_SESSION_OF_ADA, {"id": new_id().replace("-", "")})
        with write(engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "0006")
        with read(engine) as connection:
            assert connection.execute(text("SELECT name FROM users")).scalars().all() == ["ada"]
            assert "sessions" not in inspect(connection).get_table_names()
            assert "disabled_at" not in {column["name"] for column in inspect(connection).get_columns("users")}
        upgrade_to(engine, "0007")
        with write(engine) as connection:
            assert connection.execute(_SESSION_OF_ADA, {"id": new_id().replace("-", "")}).rowcount == 1
    finally:
        engine.dispose()


def test_nobodys_rights_change_by_the_step_to_roles_and_nobody_gains_by_going_back(empty_database_url: str) -> None:
    engine, roles = make_engine(empty_database_url), text("SELECT name, role FROM users ORDER BY name")
    try:
        upgrade_to(engine, "0011")
        with write(engine) as connection:
            _insert_users(connection, ada="operator", bob="artist")
        upgrade_to(engine, "0012")
        with read(engine) as connection:
            assert connection.execute(roles).all() == [("ada", "admin"), ("bob", "artist")]
        project = find_project(engine, "studio")
        assert project is not None
        for role in (Role.OPERATOR, Role.VIEWER):
            create_user(engine, project, role, role)
        held = create_key(engine, project, scopes=[Scope.READ])
        with write(engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "0011")
        with read(engine) as connection:
            left = {"ada": "operator", "bob": "artist", "operator": "artist", "viewer": "artist"}
            assert dict(connection.execute(roles).all()) == left  # type: ignore[arg-type]
            shut = text("SELECT name FROM users WHERE disabled_at IS NOT NULL")
            assert connection.execute(shut).scalars().all() == ["viewer"]
            ended = text("SELECT id FROM keys WHERE revoked_at IS NOT NULL")
            assert [str(key).replace("-", "") for key in connection.execute(ended).scalars()] == [
                held.id.replace("-", "")
            ]
    finally:
        engine.dispose()


_SESSION_OF_ADA = text(
    "INSERT INTO sessions (id, user_id, secret_sha256, created_at, expires_at)"
    " SELECT :id, id, 'none', 1, 2 FROM users WHERE name = 'ada'"
)


def _insert_users(connection: Connection, **roles: str) -> None:
    """A project 'studio', and people with these roles."""
    project = new_id().replace("-", "")
    connection.execute(
        text("INSERT INTO projects (id, name, weight, created_at) VALUES (:id, 'studio', 1, 0)"), {"id": project}
    )
    for name, role in roles.items():
        values = {"id": new_id().replace("-", ""), "project": project, "name": name, "role": role}
        connection.execute(
            text("INSERT INTO users (id, project_id, name, role, created_at) VALUES (:id, :project, :name, :role, 0)"),
            values,
        )


def test_waiting_work_comes_through_the_step_to_new_words_and_back(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, "0001")
        with write(engine) as connection:
            _insert_render_of_0001(connection)
            connection.execute(text("UPDATE renders SET company = 4"))
        upgrade_to(engine, "0007")
        old = _names_and_indexes(engine)
        upgrade_to(engine, "0008")
        with read(engine) as connection:
            assert connection.execute(text("SELECT batch_limit FROM renders")).scalars().all() == [4]
            assert connection.execute(text("SELECT epoch FROM flows")).scalars().all() == [1]
            [fill] = [
                index for index in inspect(connection).get_indexes("renders") if index["name"] == "ix_renders_fill"
            ]
            assert fill["column_names"] == ["flow_id", "batch_key", "batch_limit", "rank", "id"]
        with write(engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "0007")
        with read(engine) as connection:
            assert connection.execute(text("SELECT company FROM renders")).scalars().all() == [4]
            assert connection.execute(text("SELECT wakes FROM flows")).scalars().all() == [1]
        assert _names_and_indexes(engine) == old
    finally:
        engine.dispose()


def test_workers_come_through_the_step_to_what_they_have_leased_and_back(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, "0001")
        with write(engine) as connection:
            connection.execute(text("INSERT INTO lanes (name, model, precision) VALUES ('m@fp32', 'm', 'fp32')"))
            connection.execute(text("INSERT INTO pools (name, lane, max_batch) VALUES ('demo', 'm@fp32', 4)"))
            connection.execute(
                text(
                    "INSERT INTO workers (id, pool, host, pid, status, device, model, details, started_at, "
                    "heartbeat_at, renders_done, engine_restarts) "
                    "VALUES (:id, 'demo', 'h', 1, 'idle', 'cpu', 'm', '{}', 1, 1, 0, 0)"
                ),
                {"id": new_id().replace("-", "") if connection.dialect.name == "sqlite" else new_id()},
            )
        upgrade_to(engine, "0008")
        with write(engine) as connection:
            connection.execute(text("UPDATE workers SET holding = 3"))
        upgrade_to(engine, "0009")
        with read(engine) as connection:
            assert connection.execute(text("SELECT leased FROM workers")).scalars().all() == [3]
        with write(engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "0008")
        with read(engine) as connection:
            assert connection.execute(text("SELECT holding FROM workers")).scalars().all() == [3]
    finally:
        engine.dispose()


def _names_and_indexes(engine: Engine) -> list[object]:
    with read(engine) as connection:
        look = inspect(connection)
        return [
            (
                {column["name"] for column in look.get_columns(table)},
                {index["name"]: index["column_names"] for index in look.get_indexes(table)},
            )
            for table in ("renders", "flows")
        ]


def _insert_render_of_0001(connection: Connection) -> None:
    """A render with its project, lane, flow, job and one attempt."""
    tables = MetaData()
    tables.reflect(connection)
    sqlite = connection.dialect.name == "sqlite"
    ids = {name: new_id().replace("-", "") if sqlite else new_id() for name in ("projects", "flows", "jobs", "renders")}
    owner = {"project_id": ids["projects"], "lane": "sana-demo@fp32", "flow_id": ids["flows"], "job_id": ids["jobs"]}
    rows = {
        "lanes": {"name": "sana-demo@fp32", "model": "sana-demo", "precision": "fp32"},
        "projects": {"id": ids["projects"], "name": "ada", "weight": 1.0, "created_at": 1.0},
        "flows": {
            "id": ids["flows"],
            "class_name": "normal",
            "weight": 1.0,
            "virtual_time": 0.0,
            "backlogged": True,
            "wakes": 1,
        },
        "jobs": {
            "id": ids["jobs"],
            "model": "sana-demo",
            "title": "a circle",
            "status": "open",
            "version": 1,
            "request": {},
            "renders_total": 1,
            "renders_done": 0,
            "renders_failed": 0,
            "renders_cancelled": 0,
            "renders_expired": 0,
            "created_at": 1.0,
        },
        "renders": {
            "id": ids["renders"],
            "index": 0,
            "status": "pending",
            "rank": 0,
            "batch_key": "k" * 64,
            "width": 64,
            "height": 64,
            "frames": 1,
            "parameters": {"prompt": "a circle"},
            "estimate": 1.0,
            "attempt": 0,
            "failures": 0,
            "created_at": 1.0,
        },
        "attempts": {
            "render_id": ids["renders"],
            "number": 1,
            "worker_id": ids["jobs"],
            "pool": "demo",
            "batch_id": ids["jobs"],
            "batch_size": 1,
            "started_at": 1.0,
        },
    }
    for name, row in rows.items():
        table = tables.tables[name]
        given = owner | row
        connection.execute(
            table.insert(), {column.name: given[column.name] for column in table.columns if column.name in given}
        )


def test_a_farm_of_before_webhooks_comes_through_the_step_to_them_and_back(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, "0009")
        with write(engine) as connection:
            _insert_users(connection)
            before = set(inspect(connection).get_table_names())
        upgrade_to(engine, newest_revision())
        project = find_project(engine, "studio")
        assert project is not None
        row, _ = create_webhook(engine, project, "https://example.com/", list(EventType), 1.0)
        write_test(engine, project, row.id, 1.0)
        with write(engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "0009")
        with read(engine) as connection:
            assert set(inspect(connection).get_table_names()) == before
            assert connection.execute(text("SELECT name FROM projects")).scalars().all() == ["studio"]
    finally:
        engine.dispose()
