"""The same few functions, and the same promises, on both databases."""

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from farm.cli import build_app
from farm.database import autocommit, make_engine, read, write
from farm.errors import SettingsError
from farm.ids import new_id
from farm.schema.revisions import current_revision
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from farm.tables import Lane, Project


def projects(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return list(connection.scalars(select(Project.name).order_by(Project.name)))


def add_project(engine: Engine, name: str) -> None:
    with write(engine) as connection:
        connection.execute(insert(Project).values(id=new_id(), name=name, created_at=1.0))


def _insert_twice(engine: Engine, row: dict[str, Any]) -> None:
    with write(engine) as connection:
        connection.execute(insert(Project).values(row))
        connection.execute(insert(Project).values(row))


def test_what_was_written_is_there_afterwards(engine: Engine) -> None:
    add_project(engine, "ada")
    assert projects(engine) == ["ada"]


def test_an_exception_undoes_the_whole_transaction(engine: Engine) -> None:
    row = {"id": new_id(), "name": "ada", "created_at": 1.0}
    with pytest.raises(IntegrityError):
        _insert_twice(engine, row)
    assert projects(engine) == []


def test_foreign_keys_are_checked(engine: Engine) -> None:
    with pytest.raises(IntegrityError), write(engine) as connection:
        connection.execute(text("INSERT INTO pools (name, lane, max_batch) VALUES ('p', 'nowhere', 1)"))


def test_ids_and_unicode_come_back_as_they_went(engine: Engine) -> None:
    id = new_id()
    with write(engine) as connection:
        connection.execute(insert(Project).values(id=id, name="蓝色 ünïcode 🎨", created_at=1.5))
    with read(engine) as connection:
        row = connection.execute(select(Project.id, Project.name, Project.created_at)).one()
    assert tuple(row) == (id, "蓝色 ünïcode 🎨", 1.5)


def test_ids_sort_by_the_time_they_were_made(engine: Engine) -> None:
    ids = [new_id() for _ in range(200)]
    with write(engine) as connection:
        connection.execute(
            insert(Project), [{"id": id, "name": str(place), "created_at": 1.0} for place, id in enumerate(ids)]
        )
    with read(engine) as connection:
        assert connection.scalars(select(Project.id).order_by(Project.id)).all() == ids


def test_writers_at_once_wait_for_each_other_and_lose_nothing(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(insert(Lane).values(name="counter", model="0", precision="fp32"))
    faults: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(25):
                with write(engine) as connection:
                    # Read, then write: on SQLite this fails unless the transaction begins IMMEDIATE.
                    statement = select(Lane.model).where(Lane.name == "counter").with_for_update()
                    value = int(connection.scalar(statement) or 0)
                    connection.execute(text("UPDATE lanes SET model = :model"), {"model": str(value + 1)})
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with read(engine) as connection:
        assert connection.scalar(select(Lane.model)) == "100"


def test_a_reader_is_not_held_up_by_a_writer(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(insert(Project).values(id=new_id(), name="ada", created_at=1.0))
        assert projects(engine) == []
    assert projects(engine) == ["ada"]


def test_a_single_question_begins_and_commits_nothing_and_leaves_transactions_as_they_were(engine: Engine) -> None:
    ended: list[object] = []
    event.listen(engine, "commit", ended.append)
    with autocommit(engine) as connection:
        assert connection.scalar(select(Project.name)) is None
        driver: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            assert not driver.in_transaction
        else:
            assert driver.info.transaction_status.name == "IDLE"
    assert ended == []

    # The same connection of the pool is used by the next one.
    with pytest.raises(IntegrityError):
        _insert_twice(engine, {"id": new_id(), "name": "ada", "created_at": 1.0})
    assert projects(engine) == []


def test_many_may_open_a_new_sqlite_file_at_once(tmp_path: Path) -> None:
    def opened(url: str, together: threading.Barrier) -> int:
        engine = make_engine(url)
        together.wait()
        with read(engine) as connection:
            found: int = connection.scalar(text("SELECT 1"))
        engine.dispose()
        return found

    with ThreadPoolExecutor(8) as threads:
        for number in range(40):
            url, together = f"sqlite:///{tmp_path}/{number}.sqlite3", threading.Barrier(8)
            assert list(threads.map(opened, [url] * 8, [together] * 8)) == [1] * 8


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_runs_in_wal_mode_with_foreign_keys(engine: Engine) -> None:
    with read(engine) as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_vacuums_hot_tables_after_a_thousand_dead_rows(engine: Engine) -> None:
    with read(engine) as connection:
        options = connection.scalar(text("SELECT reloptions FROM pg_class WHERE relname = 'renders'"))
    assert sorted(options or []) == [
        "autovacuum_vacuum_cost_delay=0",
        "autovacuum_vacuum_scale_factor=0",
        "autovacuum_vacuum_threshold=1000",
    ]


def test_the_folder_of_a_new_sqlite_file_is_made(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/deep/down/farm.sqlite3")
    assert current_revision(engine) is None
    engine.dispose()
    assert (tmp_path / "deep/down/farm.sqlite3").exists()


@pytest.mark.parametrize("url", ["postgresql://u:secret@db/farm", "postgresql+psycopg://u:secret@db/farm"])
def test_a_postgresql_url_means_psycopg_and_hides_its_password(url: str) -> None:
    engine = make_engine(SecretStr(url))
    assert engine.dialect.driver == "psycopg"
    assert "secret" not in repr(engine)
    engine.dispose()


def test_the_engine_follows_the_settings(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    upgrade(settings)
    assert (tmp_path / "farm.sqlite3").exists()


def test_processes_that_upgrade_at_once_do_not_hinder_each_other(empty_database_url: str) -> None:
    program = "import sys; from farm.schema.upgrade import upgrade; print(upgrade(sys.argv[1]))"
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_database_url], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [(process.communicate()[0], process.returncode) for process in started]
    assert said == [(f"{upgrade(empty_database_url)}\n", 0)] * 2


def test_farm_db_upgrade_makes_the_tables_and_current_says_so(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("FARM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FARM_DATABASE_URL", empty_database_url)
    app = build_app()
    before = CliRunner().invoke(app, ["db", "current"])
    assert before.exit_code != 0
    assert "farm db upgrade" in before.stderr
    assert CliRunner().invoke(app, ["db", "upgrade"]).exit_code == 0
    after = CliRunner().invoke(app, ["db", "current"])
    assert (after.exit_code, after.output) == (0, f"The database is at revision {upgrade(empty_database_url)}.\n")


def test_words_are_found_in_every_script_also_where_cursors_of_a_connection_live_on(tmp_path: Path) -> None:
    """As those of a dashboard do for a moment, in a thread: SQLite takes no function while a statement is open."""
    kept: list[sqlite3.Cursor] = []

    class Keeping(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            kept.append(super().execute(*arguments))
            return kept[-1]

    engine = make_engine(f"sqlite:///{tmp_path}/farm.sqlite3")
    event.listen(engine, "do_connect", lambda dialect, record, given, named: named.update(factory=Keeping))
    with read(engine) as connection:
        assert connection.scalar(text("SELECT lower('ÄÖ')")) == "äö"
    engine.dispose()


@pytest.mark.parametrize("url", ["postgresql://farm:x@db:tiger/farm", "postgresql:tiger"])
def test_an_address_that_cannot_be_read_is_a_wrong_setting_that_is_not_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_engine(SecretStr(url))
    assert "FARM_DATABASE_URL" in str(refused.value)
    assert "tiger" not in str(refused.value)
