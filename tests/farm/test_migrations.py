"""The migrations make exactly the schema that the tables describe, on both databases."""

from enum import StrEnum
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CheckConstraint

from farm.database import make_engine, read, write
from farm.lifecycle import JobStatus, Outcome, Phase, RenderStatus, WorkerStatus
from farm.schema.revisions import WrongRevision, check_revision, current_revision, newest_revision
from farm.schema.upgrade import alembic_config, upgrade
from farm.tables import Base
from tests.farm.migrating import WITHOUT_SEARCH, upgrade_to


def test_migrations_and_tables_agree(engine: Engine) -> None:
    with read(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, **WITHOUT_SEARCH})
        assert compare_metadata(context, Base.metadata) == []


def test_every_check_constraint_of_the_tables_is_in_the_database(engine: Engine) -> None:
    with read(engine) as connection:
        for table in Base.metadata.sorted_tables:
            described = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
            found = {c["name"] for c in inspect(connection).get_check_constraints(table.name)}
            assert found == described, table.name


@pytest.mark.parametrize(
    ("table", "column", "states"),
    [
        ("renders", "status", RenderStatus),
        ("renders", "phase", Phase),
        ("jobs", "status", JobStatus),
        ("attempts", "outcome", Outcome),
        ("workers", "status", WorkerStatus),
    ],
)
def test_the_database_allows_exactly_the_states_that_the_code_knows(
    engine: Engine, table: str, column: str, states: type[StrEnum]
) -> None:
    with read(engine) as connection:
        checks = inspect(connection).get_check_constraints(table)
        [check] = [check for check in checks if check["name"] == f"ck_{table}_{column}"]
        # Both databases keep the literals of the condition; PostgreSQL rewrites what is around them.
        literals = set(check["sqltext"].split("'")[1::2])
        assert literals == {state.value for state in states}


def test_an_upgraded_database_is_at_the_newest_revision(empty_database_url: str) -> None:
    revision = upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    try:
        assert current_revision(engine) == revision
        check_revision(engine)
    finally:
        engine.dispose()


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    engine = make_engine(database_url)
    try:
        before = inspect(engine).get_table_names()
        upgrade(database_url)
        assert inspect(engine).get_table_names() == before
    finally:
        engine.dispose()


def test_there_is_one_newest_revision() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert script.get_heads() == [newest_revision()]


def test_a_schema_from_elsewhere_is_refused_with_what_to_do(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    try:
        with write(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(WrongRevision, match=r"revision 9999.*farm db upgrade"):
            check_revision(engine)
    finally:
        engine.dispose()


def test_an_empty_database_is_refused_with_what_to_do(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        with pytest.raises(WrongRevision, match="farm db upgrade"):
            check_revision(engine)
    finally:
        engine.dispose()


def test_an_open_connection_sees_the_upgraded_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/farm.sqlite3"
    engine = make_engine(url)
    try:
        upgrade_to(engine, "0001")
        with engine.connect() as old:  # it has read the schema before
            assert old.scalar(text("SELECT count(*) FROM renders")) == 0
            old.rollback()
            upgrade(url)
            with pytest.raises(IntegrityError, match="NOT NULL"):  # and not: no such job
                old.execute(text("INSERT INTO renders (id, job_id, flow_id, \"index\") VALUES ('a', 'b', 'c', 0)"))
    finally:
        engine.dispose()


#: From here on processes of the version before work on a newer schema, so that workers can be replaced one by one.
_HELD_SINCE = "0014"


def test_what_the_version_before_reads_and_writes_is_still_there_after_an_upgrade(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, _HELD_SINCE)
        before = _columns(engine)
        upgrade(empty_database_url)
        after = _columns(engine)
    finally:
        engine.dispose()
    gone = {(table, name) for table in before for name in before[table] if name not in after.get(table, {})}
    assert gone == set(), "leave what is no longer used where it is; a version later it may go"
    needed = {
        (table, name)
        for table in before
        for name, must_be_given in after[table].items()
        if must_be_given and name not in before[table]
    }
    assert needed == set(), "the version before writes rows without them: let them be empty, or give a server_default"


def _columns(engine: Engine) -> dict[str, dict[str, bool]]:
    """Of each table the columns, and whether a row must give a value for it."""
    with read(engine) as connection:
        inspector = inspect(connection)
        return {
            table: {
                column["name"]: not column["nullable"] and column["default"] is None
                for column in inspector.get_columns(table)
            }
            for table in inspector.get_table_names()
            if not table.startswith("render_search")  # an index of words that SQLite keeps as tables
        }
