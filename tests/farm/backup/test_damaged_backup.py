"""A backup that is damaged, of a newer farm, or has no place to go is refused before anything is written."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from farm.backup.create import create_backup
from farm.backup.restore import restore_backup
from farm.cli import build_app
from farm.connections import Connections
from farm.database import make_engine
from farm.errors import UnusableFile
from farm.schema.revisions import WrongRevision
from tests.farm.backup.farms_to_back_up import work_in_flight


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
        (_with_member("tables/jobs.jsonl", b"[" * 100_000 + b"\n"), UnusableFile, "row of jobs is no JSON"),
        (_with_member("tables/renders.jsonl", b'{"index": 1%s}\n' % (b"0" * 30)), UnusableFile, "renders does not fit"),
        (_with_member("tables/users.jsonl", b'{"name": "\\ud800"}\n'), UnusableFile, "row of users does not fit"),
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
@pytest.mark.parametrize("manifest", [b"not JSON", b"[]", b'{"members": 5}'])
def test_the_commands_say_in_a_sentence_that_a_list_of_members_is_damaged(
    farm: Connections, manifest: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "farm.zip"
    create_backup(file, farm.settings, farm.engine, farm.clock)
    _with_manifest(manifest)(file)
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path / "second"))
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
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path / "second"))
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
