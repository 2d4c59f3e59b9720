"""A farm becomes a file, and the file a farm that goes on with the work in flight, on the other kind of database."""

import json
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from typer.testing import CliRunner

from farm.accounts import create_project
from farm.backup.archive import BackupReader, BackupWriter
from farm.backup.create import create_backup
from farm.backup.restore import read_backup, restore_backup
from farm.backup.rows import tables_of
from farm.catalog import Catalog
from farm.cli import build_app
from farm.connections import Connections
from farm.database import make_engine, read, write
from farm.errors import Conflict
from farm.lifecycle import Outcome
from farm.schema.revisions import check_revision
from farm.schema.upgrade import migrate
from farm.tables import Artifact, Base, Charge, Lane
from scheduler.maintenance.old_files.remove_orphans import CURSOR
from tests.farm.backup.farms_to_back_up import all_rows, farm_on, work_in_flight
from tests.scheduler.conftest import TestClock
from tests.scheduler.invariants import Snapshot, breaches
from tests.scheduler.jobs import claim_some, reap_lost, settle_as, statuses, submit_job
from tests.servers import S3


def test_a_farm_moves_to_the_other_kind_of_database_with_its_objects_and_goes_on(
    farm: Connections, other_url: str, tmp_path: Path, s3: S3, catalog: Catalog
) -> None:
    job = work_in_flight(farm)
    file = tmp_path / "farm.zip"
    manifest = create_backup(file, farm.settings, farm.engine, farm.clock, farm.storage)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (manifest.objects, manifest.objects_missing) == (1, 0)

    with farm_on(other_url, tmp_path, s3, catalog, TestClock(farm.clock())) as moved:
        restored = restore_backup(file, moved.engine, moved.storage)

        check_revision(moved.engine)
        assert all_rows(moved) == all_rows(farm)
        assert (restored.objects_copied, restored.objects_missing, restored.objects_unknown) == (1, 0, 0)
        with read(moved.engine) as connection:
            assert moved.storage.get(connection.scalars(select(Artifact.key)).one()) == b"a picture"
        clock = moved.clock
        assert isinstance(clock, TestClock)
        assert statuses(moved, job) == ["done", "running", "pending", "pending"]
        clock.forward(3600)
        reap_lost(moved, clock)
        settle_as(moved, claim_some(moved), Outcome.DONE)
        assert statuses(moved, job) == ["done"] * 4
        assert breaches(Snapshot(moved.engine)) == []
        # A charge under a number that was given before might never be folded.
        with read(moved.engine) as connection:
            assert connection.scalar(select(func.min(Charge.id))) > manifest.numbers["charges"] > 0


def test_a_backup_of_a_farm_at_work_is_of_one_moment(
    farm: Connections, other_url: str, tmp_path: Path, s3: S3, catalog: Catalog
) -> None:
    project, over = create_project(farm.engine, "busy", clock=farm.clock), threading.Event()

    def work() -> None:
        while not over.is_set():
            submit_job(farm, project, 3)
            settle_as(farm, claim_some(farm, capacity=2), Outcome.DONE)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        manifest = create_backup(tmp_path / "farm.zip", farm.settings, farm.engine, farm.clock)
    finally:
        over.set()
        worker.join()

    with farm_on(other_url, tmp_path, s3, catalog, TestClock()) as moved:
        restored = restore_backup(tmp_path / "farm.zip", moved.engine, None)
        assert restored.rows == manifest.rows
        assert breaches(Snapshot(moved.engine)) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_restore_refuses_a_farm_that_has_something_and_a_bucket_with_other_bytes(
    farm: Connections, tmp_path: Path, s3: S3, catalog: Catalog
) -> None:
    work_in_flight(farm)
    file = tmp_path / "farm.zip"
    create_backup(file, farm.settings, farm.engine, farm.clock, farm.storage)

    with pytest.raises(Conflict, match=r"not empty: its database has rows in .*FARM_DATABASE_URL"):
        restore_backup(file, farm.engine, farm.storage)
    with pytest.raises(FileExistsError):
        create_backup(file, farm.settings, farm.engine, farm.clock)

    with farm_on(f"sqlite:///{tmp_path}/new/farm.sqlite3", tmp_path, s3, catalog, TestClock()) as empty:
        with read(farm.engine) as connection:
            key = connection.scalars(select(Artifact.key)).one()
        empty.storage.put(key, b"of somebody else", "image/png")
        with pytest.raises(Conflict, match="other bytes under 1 of the keys"):
            restore_backup(file, empty.engine, empty.storage)
        empty.storage.delete([key])
        empty.storage.put(CURSOR, b"", "text/plain")  # the farm's own, under no key of an artifact
        empty.storage.put("projects/x/jobs/y/renders/z/1/output.png", b"?", "image/png")
        assert restore_backup(file, empty.engine, empty.storage).objects_unknown == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_backup_of_an_older_farm_is_brought_to_the_newest_schema(
    farm: Connections, tmp_path: Path, other_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work_in_flight(farm)
    with write(farm.engine) as connection:
        connection.execute(update(Lane).values(paused_at=None))
    file = tmp_path / "farm.zip"
    create_backup(file, farm.settings, farm.engine, farm.clock)
    _as_of_revision(file, "0010")

    engine = make_engine(other_url)
    restore_backup(file, engine, None)

    check_revision(engine)
    with read(engine) as connection:
        [row] = connection.execute(select(Base.metadata.tables["jobs"])).mappings()
    assert (row["id"], row["delete_at"], row["request"]["prompt"]) == (job, None, "a “red” circle\\u2028蓝")
    engine.dispose()


def _as_of_revision(file: Path, revision: str) -> None:
    """The backup as a farm of that revision would have made it: without what came later."""
    manifest = read_backup(file)
    other = file.with_suffix(".older")
    columns = _columns_of(revision)
    with BackupReader(file) as old, BackupWriter(other) as new:
        for name in manifest.members:
            table = name.removeprefix("tables/").removesuffix(".jsonl")
            if name.startswith("tables/") and table not in columns:
                continue
            with new.member(name) as member:
                for line in old.lines(name):
                    row = json.loads(line) if name.startswith("tables/") else None
                    known = row and {key: value for key, value in row.items() if key in columns[table]}
                    member.write(line if known is None else json.dumps(known).encode() + b"\n")
                member.rows = manifest.members[name].rows
        new.finish(manifest.model_copy(update={"revision": revision, "members": new.members}))
    other.replace(file)


def _columns_of(revision: str) -> dict[str, set[str]]:
    """The tables of that revision, and their columns."""
    engine = make_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection, revision)
        found = {table.name: set(table.columns.keys()) for table in tables_of(connection)}
    engine.dispose()
    return found


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_commands_say_what_is_in_the_file_and_write_the_catalog_back(
    farm: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in_flight(farm)
    pools = tmp_path / "pools.yaml"
    pools.write_text("pools:\n  extra: {model: sana-demo, device: cpu}\n")
    monkeypatch.setenv("FARM_DATABASE_URL", str(farm.engine.url))
    monkeypatch.setenv("FARM_CATALOG", str(pools))
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path / "nowhere"))
    file, run = str(tmp_path / "farm.zip"), CliRunner()

    refused = run.invoke(build_app(), ["backup", "create", file, "--objects"])
    assert refused.exit_code == 2
    assert "FARM_S3_ENDPOINT_URL" in " ".join(refused.stderr.split())
    made = run.invoke(build_app(), ["backup", "create", file, "--json"])
    assert json.loads(made.stdout)["rows"]["renders"] == 4
    shown = run.invoke(build_app(), ["backup", "show", file])
    assert "the secrets that sign webhooks" in shown.stdout
    monkeypatch.setenv("FARM_DATABASE_URL", f"sqlite:///{tmp_path}/second.sqlite3")
    back = run.invoke(build_app(), ["backup", "restore", file, "--catalog", str(tmp_path / "catalog"), "--json"])
    assert back.exit_code == 0, back.output
    assert json.loads(back.stdout)["catalog_files"] == [str(tmp_path / "catalog/01-pools.yaml")]
    assert (tmp_path / "catalog/01-pools.yaml").read_text() == pools.read_text()
    assert "nobody looked" in back.stderr
