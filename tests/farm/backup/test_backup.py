"""A farm becomes a file, and the file a farm that goes on with the work in flight, on the other kind of database."""

import hashlib
import json
import os
import stat
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update
from typer.testing import CliRunner

from farm.accounts import create_project, create_user
from farm.backup.archive import BackupReader, BackupWriter
from farm.backup.create import create_backup
from farm.backup.restore import read_backup, restore_backup
from farm.backup.rows import tables_of
from farm.catalog import Catalog, load_catalog
from farm.cli import build_app
from farm.connections import Connections
from farm.database import make_engine, read, write
from farm.errors import Conflict, UnusableFile
from farm.lifecycle import Outcome
from farm.schema.revisions import WrongRevision, check_revision
from farm.schema.upgrade import migrate
from farm.settings import Settings
from farm.storage import Storage
from farm.storage_keys import ArtifactKind, artifact_key
from farm.tables import Artifact, Base, Charge, Lane
from scheduler.fair_share.fold_charges import fold
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.maintenance.garbage.remove_orphans import CURSOR
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook
from tests.databases import PostgresServer
from tests.scheduler.conftest import TestClock, connect
from tests.scheduler.invariants import Snapshot, breaches
from tests.scheduler.jobs import claim_some, reap_lost, settle_as, statuses, submit_job
from tests.servers import S3


@contextmanager
def farm_on(url: str, folder: Path, s3: S3, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    """A farm without processes, with a bucket of its own."""
    with connect(Settings(data_dir=folder, database_url=SecretStr(url)), catalog, clock) as farm:
        farm.storage = Storage(replace(s3, s3_bucket=f"backup-{uuid.uuid4().hex[:12]}"))
        farm.storage.ensure_bucket()
        yield farm


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog(Settings())


@pytest.fixture
def farm(database_url: str, tmp_path: Path, s3: S3, catalog: Catalog) -> Iterator[Connections]:
    with farm_on(database_url, tmp_path, s3, catalog, TestClock()) as opened:
        sync_catalog(opened.engine, catalog, opened.clock())
        yield opened


@pytest.fixture
def other_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema, of the other kind."""
    if database == "postgresql":
        return f"sqlite:///{tmp_path}/other/farm.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"restored_{uuid.uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")
    return server.url(name)


def work_in_flight(farm: Connections) -> str:
    """A job with a render that is done, one that runs and two that wait; returns its id."""
    project = create_project(farm.engine, "studio", clock=farm.clock)
    create_user(farm.engine, project, "ada", password_hash="argon2 of it", clock=farm.clock)
    create_webhook(farm.engine, project, "https://example.org/hook", [EventType.JOB_DONE], now=farm.clock())
    job = submit_job(farm, project, 4, prompt="a “red” circle\\u2028蓝")
    done, _ = claim_some(farm, capacity=2)
    key = artifact_key(project, job, done.id, done.attempt, "output.png")
    output = Output(ArtifactKind.OUTPUT, farm.storage.put(key, b"a picture", "image/png"))
    settle(farm.engine, [Settlement(done.id, done.attempt, Outcome.DONE, artifacts=[output])], farm.clock())
    fold(farm.engine, "sana-demo@fp32", farm.clock())  # the charges are gone: only their numbers are remembered
    return job


def all_rows(farm: Connections) -> dict[str, list[tuple[object, ...]]]:
    with read(farm.engine) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


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


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def _flip(file: Path) -> None:
    """One bit of the packed rows of the renders."""
    with zipfile.ZipFile(file) as packed:
        place = packed.getinfo("tables/renders.jsonl").header_offset + 100
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def _rewrite(**changes: object) -> Callable[[Path], None]:
    """The same backup with another manifest, or with other rows under the old one."""

    def rewrite(name: str, data: bytes) -> bytes:
        if name == "manifest.json":
            return json.dumps(json.loads(data) | changes).encode()
        return data[:-1] + b" \n" if not changes and name == "tables/jobs.jsonl" else data

    return lambda file: _replace(file, rewrite)


def _replace(file: Path, rewrite: Callable[[str, bytes], bytes], **added: bytes) -> None:
    half = file.with_suffix(".other")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(half, "w") as new:
        for name in old.namelist():
            new.writestr(name, rewrite(name, old.read(name)))
        for name, data in added.items():
            new.writestr(name, data)
    half.replace(file)


def _with_manifest(manifest: bytes) -> Callable[[Path], None]:
    """The same backup with these bytes for a manifest."""
    return lambda file: _replace(file, lambda name, data: manifest if name == "manifest.json" else data)


def _with_member(name: str, data: bytes) -> Callable[[Path], None]:
    """The same backup with another file in it (or with other bytes in one), which the manifest lists as it is."""
    told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": data.count(b"\n")}

    def rewrite(here: str, old: bytes) -> bytes:
        if here == "manifest.json":
            listed = json.loads(old)
            listed["members"][name] = told
            return json.dumps(listed).encode()
        return data if here == name else old

    def harm(file: Path) -> None:
        with zipfile.ZipFile(file) as packed:
            added = {} if name in packed.namelist() else {name: data}
        _replace(file, rewrite, **added)

    return harm


def _members(**changes: object) -> Callable[[Path], None]:
    """The same backup whose manifest lists other members; None: one less."""

    def rewrite(name: str, data: bytes) -> bytes:
        if name != "manifest.json":
            return data
        listed = json.loads(data)
        members = {key: value for key, value in (listed["members"] | changes).items() if value is not None}
        return json.dumps(listed | {"members": members}).encode()

    return lambda file: _replace(file, rewrite)


_TOLD = {"bytes": 0, "sha256": "", "rows": 0}
_OBJECT = b'{"key": "%s", "size": 1, "sha256": "", "content_type": "image/png"}\n'


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (_cut, UnusableFile, "no backup of a farm, or is damaged"),
        (_flip, UnusableFile, "damaged: tables/renders.jsonl"),
        (_rewrite(), UnusableFile, "damaged: tables/jobs.jsonl is not as it was written"),
        (_rewrite(revision="9999", farm_version="99.0"), WrongRevision, r"newer farm \(99.0, revision 9999\)"),
        (_rewrite(format_version=2), UnusableFile, "made by a newer farm"),
        (_rewrite(format="holiday-pictures"), UnusableFile, "no backup of a farm"),
        (_rewrite(revision="0000"), UnusableFile, "damaged: .*revision '0000'"),
        (_with_manifest(b"not JSON \xff"), UnusableFile, "damaged: in its manifest.json nothing can be read"),
        (_with_manifest(b"[]"), UnusableFile, "damaged: in its manifest.json nothing can be read"),
        (_with_manifest(b"{}"), UnusableFile, "damaged: in its manifest.json 'farm_version' is wrong"),
        (_rewrite(members=["tables/jobs.jsonl"]), UnusableFile, "in its manifest.json 'members' is wrong"),
        (_members(**{"tables/jobs.jsonl": 5}), UnusableFile, "'members.tables/jobs.jsonl' is wrong"),
        (_members(**{"tables/gone.jsonl": _TOLD}), UnusableFile, "damaged: tables/gone.jsonl is not in it"),
        (_members(**{"tables/jobs.jsonl": None}), UnusableFile, "damaged: it lists no rows of jobs"),
        (_members(**{"objects.jsonl": None}), UnusableFile, "damaged: it does not list objects.jsonl"),
        (_with_member("catalog/../../evil.yaml", b"\n"), UnusableFile, "leads out of its folder"),
        (_with_member("catalog/..", b"\n"), UnusableFile, "leads out of its folder"),
        (_with_member("/etc/evil", b"\n"), UnusableFile, "leads out of its folder"),
        (_with_member("tables/strange.jsonl", b"{}\n"), UnusableFile, "tables that revision .* does not: strange"),
        (_with_member("objects.jsonl", b"{}\n"), UnusableFile, "in line 1 of objects.jsonl 'key' is wrong"),
        (_with_member("objects.jsonl", _OBJECT % b"inputs/../x"), UnusableFile, "leads out of its folder"),
        (_with_member("tables/jobs.jsonl", b"{\n"), UnusableFile, "row of jobs is no JSON"),
        (_with_member("tables/jobs.jsonl", b"[]\n"), UnusableFile, "row of jobs has other columns"),
        (_with_member("tables/jobs.jsonl", b'{"colour": 1}\n'), UnusableFile, "row of jobs has other columns"),
        (_with_member("tables/users.jsonl", b'{"id": []}\n'), UnusableFile, "row of users does not fit"),
    ],
)
def test_a_damaged_or_newer_backup_is_refused_in_words_and_nothing_of_it_stays(
    farm: Connections,
    harm: Callable[[Path], None],
    error: type[Exception],
    words: str,
    tmp_path: Path,
) -> None:
    work_in_flight(farm)
    file, target = tmp_path / "farm.zip", tmp_path / "new.sqlite3"
    create_backup(file, farm.settings, farm.engine, farm.clock)
    harm(file)

    engine = make_engine(f"sqlite:///{target}")
    with pytest.raises(error, match=words):
        restore_backup(file, engine, None, tmp_path / "catalog")

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    assert not (tmp_path / "catalog").exists()
    engine.dispose()


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


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("manifest", [b"not JSON", b"[]", b'{"members": 5}'])
def test_the_commands_say_in_a_sentence_that_a_list_of_members_is_damaged(
    farm: Connections, manifest: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "farm.zip"
    create_backup(file, farm.settings, farm.engine, farm.clock)
    _with_manifest(manifest)(file)
    monkeypatch.setenv("FARM_DATABASE_URL", f"sqlite:///{tmp_path}/second.sqlite3")
    for verb in ("show", "restore"):
        refused = CliRunner().invoke(build_app(), ["backup", verb, str(file)])
        assert refused.exit_code == 2
        assert "is damaged: in its manifest.json" in " ".join(refused.stderr.split())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("a-file", "something else of this name is there already"),
        ("a-file/catalog", "a part of this path is a file"),
        ("/proc/catalog", "/proc/catalog"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_restored(
    farm: Connections, place: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in_flight(farm)
    file, folder = tmp_path / "farm.zip", tmp_path / place
    create_backup(file, farm.settings, farm.engine, farm.clock)
    (tmp_path / "a-file").write_text("here")
    monkeypatch.setenv("FARM_DATABASE_URL", f"sqlite:///{tmp_path}/second.sqlite3")
    arguments = ["backup", "restore", str(file), "--catalog", str(folder)]

    refused = CliRunner().invoke(build_app(), arguments)

    assert refused.exit_code == 2
    assert words in " ".join(refused.stderr.split())
    assert (tmp_path / "a-file").read_text() == "here"
    engine = make_engine(f"sqlite:///{tmp_path}/second.sqlite3")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    engine.dispose()
    assert CliRunner().invoke(build_app(), [*arguments[:-1], str(tmp_path / "catalog")]).exit_code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_on_a_full_disk_no_half_backup_stays(
    farm: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def full(path: Any, flags: int, *mode: int) -> int:
        return real("/dev/full", os.O_RDWR) if str(path).endswith(".half") else real(path, flags, *mode)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        create_backup(tmp_path / "farm.zip", farm.settings, farm.engine, farm.clock)
    assert not list(tmp_path.glob("farm.zip*"))
