"""`farm doctor` against real servers: well, missing, refusing, frozen and behind TLS; never a secret in its words."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text, update
from typer.testing import CliRunner

from farm.catalog import load_catalog
from farm.cli import build_app
from farm.clock import system_clock
from farm.database import write
from farm.doctor.addresses import is_inner, place_of
from farm.doctor.clocks import clock_finding
from farm.doctor.examination import CHECKS, examine
from farm.doctor.findings import Finding, Level
from farm.ids import new_id
from farm.local.certificates import Certificates
from farm.settings import Settings
from farm.tables import Worker
from scheduler.fleet import worker_registry
from scheduler.fleet.catalog_sync import sync_catalog
from tests.sentinels import SENTINEL_PASSWORD, watched_servers
from tests.servers import S3
from tests.signing import MakeSigning, make_signing
from tests.tls import tls_in_front
from tests.valkeys import own_valkey

__all__ = ["make_signing"]
SECRET = "the-secret-of-the-tests"
Doctor = Callable[..., list[Finding]]


@pytest.fixture
def doctor(database_url: str, valkey_url: str, s3: S3, tmp_path: Path) -> Doctor:
    """Examines some parts of a farm whose servers are all well, but for the settings that are given."""

    def look(*parts: str, **given: Any) -> list[Finding]:
        values: dict[str, Any] = {
            "data_dir": tmp_path,
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(valkey_url),
            "s3_endpoint_url": s3.s3_endpoint_url,
            "s3_access_key_id": s3.s3_access_key_id,
            "s3_secret_access_key": s3.s3_secret_access_key,
            "s3_bucket": s3.s3_bucket,
            **given,
        }
        return examine(Settings.model_validate(values), parts or tuple(CHECKS))

    return look


def failures(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is Level.FAIL]


def told(findings: list[Finding], level: Level) -> str:
    return "\n".join(f"{finding.what} > {finding.remedy}" for finding in findings if finding.level is level)


def test_a_farm_that_is_well_has_no_failure_and_every_part_is_looked_at(doctor: Doctor) -> None:
    found = doctor()
    assert failures(found) == []
    assert {finding.part for finding in found} == set(CHECKS)
    well = told(found, Level.OK)
    for words in ("The schema is that of this farm", "Keys are written", "Links to", "files are deleted", "Valkey"):
        assert words in well
    assert "No scheduler is at work" in told(found, Level.WARN)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestWhatIsWrong:
    def test_a_bucket_that_is_not_there_is_made_by_the_command_it_names(self, doctor: Doctor, s3: S3) -> None:
        found = doctor("storage", s3_bucket="made-by-nobody")
        assert [finding.remedy for finding in found] == ["farm storage init"]

        variables = {**s3.environment, "FARM_S3_BUCKET": "made-by-nobody"}
        made = CliRunner().invoke(build_app(), ["storage", "init"], env=variables)

        assert made.exit_code == 0
        assert failures(doctor("storage", s3_bucket="made-by-nobody")) == []

    def test_a_database_without_a_schema(self, doctor: Doctor, tmp_path: Path) -> None:
        found = doctor("database", "processes", database_url=f"sqlite:///{tmp_path}/empty.sqlite3")
        assert [finding.remedy for finding in found if finding.level is not Level.OK] == ["farm db upgrade"] * 2

    def test_a_schema_of_another_farm(self, doctor: Doctor, engine: Engine) -> None:
        with write(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert "revision 9999" in told(doctor("database"), Level.FAIL)

    def test_servers_that_are_away_are_named_without_their_passwords(self, doctor: Doctor) -> None:
        found = doctor(
            "database",
            "redis",
            "storage",
            "processes",
            database_url=f"postgresql://ada:{SECRET}@127.0.0.1:9/farm",
            redis_url=f"redis://:{SECRET}%2F@127.0.0.1:9/0",
            s3_endpoint_url="http://127.0.0.1:9",
            s3_secret_access_key=SECRET,
        )
        assert {finding.part for finding in failures(found)} == {"database", "redis", "storage"}
        assert "127.0.0.1:9" in told(found, Level.FAIL)
        assert SECRET not in repr(found)

    def test_a_wrong_key_of_the_storage(self, doctor: Doctor) -> None:
        found = failures(doctor("storage", s3_secret_access_key="another-secret-than-the-right"))
        assert len(found) == 1
        assert "another-secret" not in repr(found)

    def test_a_redis_that_takes_no_writes_or_hangs(self, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
        with own_valkey() as server:
            server.demote()
            assert "READONLY" in told(doctor("redis", redis_url=server.url), Level.FAIL)
            server.promote()
            assert failures(doctor("redis", redis_url=server.url)) == []
            monkeypatch.setattr("farm.doctor.redis.ANSWER_SECONDS", 0.2)
            server.freeze()
            assert "no answer in time" in told(doctor("redis", redis_url=server.url), Level.FAIL)
            assert server.password not in repr(doctor("redis", redis_url=server.url))

    def test_a_worker_on_a_machine_whose_clock_is_off(self, doctor: Doctor, engine: Engine) -> None:
        catalog, now = load_catalog(Settings()), system_clock()
        sync_catalog(engine, catalog, now)
        pool = next(iter(catalog.pools))
        worker = {"worker_id": new_id(), "pool": pool, "model": catalog.pool(pool).model, "host": "gpu-7", "pid": 1}
        worker_registry.sign_on(engine, **worker, now=now)
        with write(engine) as connection:
            connection.execute(update(Worker).values(clock_skew=-3600.0))
        assert "The clock of gpu-7" in told(doctor("processes"), Level.FAIL)
        assert "3,600.0 s behind" in told(doctor("processes"), Level.FAIL)

    def test_links_that_lead_nowhere(self, doctor: Doctor) -> None:
        found = doctor("storage", s3_public_endpoint_url="http://127.0.0.1:9")
        assert "FARM_S3_PUBLIC_ENDPOINT_URL" in told(found, Level.FAIL)

    def test_links_that_only_this_machine_can_follow(self, doctor: Doctor) -> None:
        found = doctor("storage", public_url="https://farm.example.org")
        assert "only machines near the farm can follow" in told(found, Level.FAIL)
        assert "no pictures over http" in told(found, Level.FAIL)

    def test_certificates_are_trusted_by_the_system_or_by_a_setting(
        self, doctor: Doctor, certificates: Certificates, s3: S3
    ) -> None:
        assert s3.s3_endpoint_url is not None
        with tls_in_front(s3.s3_endpoint_url, certificates) as port:
            url = f"https://127.0.0.1:{port}"
            unknown = doctor("certificates", "storage", s3_endpoint_url=url)
            known = doctor("certificates", "storage", s3_endpoint_url=url, s3_ca_file=certificates.authority)
        assert "certificate not trusted" in told(unknown, Level.FAIL)
        assert "FARM_S3_CA_FILE" in told(unknown, Level.FAIL)
        assert failures(known) == []
        assert "trusted and good for 3,6" in told(known, Level.OK)

    def test_certificates_of_sentinels_and_of_the_primary_that_they_name_are_looked_at(
        self, doctor: Doctor, certificates: Certificates
    ) -> None:
        with watched_servers() as watched, ExitStack() as proxies:
            behind = [f"http://127.0.0.1:{port}" for port in watched.sentinels]
            ports = [proxies.enter_context(tls_in_front(url, certificates)) for url in behind]
            url = "redis" + watched.url.removeprefix("redis")
            for port, proxy in zip(watched.sentinels, ports, strict=True):
                url = url.replace(f":{port}", f":{proxy}")
            url = url.replace("redis+sentinel", "rediss+sentinel")
            unknown = doctor("certificates", redis_url=SecretStr(url))
            known = doctor("certificates", redis_url=SecretStr(url), redis_ca_file=certificates.authority)
            # Of the servers behind them none speaks TLS here, and the doctor has asked the one that they named.
            plain = f"redis (127.0.0.1:{watched.primary})"
        for proxy in ports:
            assert f"sentinel (127.0.0.1:{proxy}): certificate not trusted" in told(unknown, Level.FAIL)
            assert f"sentinel (127.0.0.1:{proxy}): the certificate is trusted" in told(known, Level.OK)
        assert plain in told(known, Level.FAIL)
        assert SENTINEL_PASSWORD not in str(known) + str(unknown)

    def test_gpus_are_told_as_the_driver_tells_them(
        self, doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "bin/nvidia-smi"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho '0, NVIDIA H100 80GB HBM3, 570.86, 81559, 60000, [N/A]'\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        found = doctor("gpu")
        assert "GPU 0: NVIDIA H100 80GB HBM3, driver 570.86, 58.6 of 79.6 GiB used" in told(found, Level.WARN)

        program.write_text("#!/bin/sh\necho 'Failed to initialize NVML: Driver/library version mismatch'\nexit 18\n")
        assert "version mismatch" in told(doctor("gpu"), Level.FAIL)

    def test_a_build_of_torch_for_gpus_that_sees_none_is_noticed(
        self, doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "No GPU of NVIDIA's here: right for" in told(doctor("gpu"), Level.OK)

        metadata = tmp_path / "triton-3.7.1.dist-info/METADATA"
        metadata.parent.mkdir()
        metadata.write_text("Metadata-Version: 2.1\nName: triton\nVersion: 3.7.1\n")
        monkeypatch.syspath_prepend(tmp_path)
        [found] = doctor("gpu")
        assert (found.level, "--gpus all" in found.remedy) == (Level.WARN, True)

    def test_full_disks_and_old_libraries(self, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage("/")
        monkeypatch.setattr("farm.doctor.disk.shutil.disk_usage", lambda _: usage._replace(free=1000))
        monkeypatch.setattr("farm.doctor.versions.requires", lambda _: ["redis>=99", "no-such; extra=='x'"])
        found = doctor("disk", "versions")
        assert "0.0 GB are free" in told(found, Level.FAIL)
        assert "the farm needs >=99" in told(found, Level.FAIL)
        assert "no-such" not in repr(found)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestCommand:
    def test_lines_in_a_pipe_json_and_exit_codes(self, database_url: str) -> None:
        variables = {"FARM_DATABASE_URL": database_url, "FARM_REDIS_URL": "redis://127.0.0.1:9/0", "COLUMNS": "20"}
        lines = CliRunner().invoke(build_app(), ["doctor", "database", "redis"], env=variables)
        assert lines.exit_code == 1
        assert [line.split("\t")[:2] for line in lines.stdout.splitlines()[1:]] == [
            ["ok", "database"],
            ["ok", "database"],
            ["fail", "redis"],
        ]
        answer = CliRunner().invoke(build_app(), ["doctor", "database", "--json"], env=variables)
        assert answer.exit_code == 0
        found = json.loads(answer.stdout)
        assert found["ok"] is True
        assert {"part", "level", "what", "remedy"} == set(found["findings"][0])

    def test_a_part_that_is_not_there_is_told_with_the_nearest(self, database_url: str) -> None:
        answer = CliRunner().invoke(build_app(), ["doctor", "databse"], env={"FARM_DATABASE_URL": database_url})
        assert answer.exit_code == 2
        assert "did you mean 'database'" in " ".join(answer.output.replace("│", " ").split())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestProvenance:
    def test_outputs_that_say_nothing_need_nothing(self, doctor: Doctor) -> None:
        assert "say nothing of where they come from" in told(doctor("provenance"), Level.OK)

    def test_a_picture_is_signed_and_the_end_of_the_certificate_told(
        self, doctor: Doctor, make_signing: MakeSigning
    ) -> None:
        files = make_signing(ends=100.5)
        well = told(doctor("provenance", **files.settings()), Level.OK)
        assert "Outputs are signed: a picture was, by CN=Render farm,O=Studio" in well
        assert "good for 100 days" in well
        files.key.chmod(0o644)
        assert f"chmod 600 {files.key}" in told(doctor("provenance", **files.settings()), Level.WARN)

    def test_one_that_ends_soon_has_ended_or_signs_nothing(self, doctor: Doctor, make_signing: MakeSigning) -> None:
        assert "good for 5 days" in told(doctor("provenance", **make_signing(ends=5.5).settings()), Level.WARN)
        assert "ended on" in told(doctor("provenance", **make_signing(ends=-1).settings()), Level.FAIL)
        others = make_signing("others").settings() | {"credentials_key_file": make_signing().key}
        assert "is not the key of the certificate" in told(doctor("provenance", **others), Level.FAIL)

    def test_a_dashboard_needs_no_key(self, doctor: Doctor, make_signing: MakeSigning) -> None:
        found = doctor("provenance", **make_signing().settings() | {"credentials_key_file": None})
        assert failures(found) == []
        assert "no key is set here, which only workers need" in told(found, Level.OK)

    def test_each_project_with_a_rule_is_looked_at_and_one_that_is_not_there_is_told(
        self, doctor: Doctor, make_signing: MakeSigning, tmp_path: Path
    ) -> None:
        film = make_signing("film", ends=5.5)
        rules = tmp_path / "rules.yaml"
        rules.write_text(
            f"film: {{provenance: credentials, certificate_file: {film.certificate}, key_file: {film.key}}}\n"
            "tests: {provenance: none}\n'*': {drafts: false}\n"
        )
        found = doctor("provenance", provenance="source-type", provenance_rules=rules)
        well, warned = told(found, Level.OK), told(found, Level.WARN)
        assert "Outputs of film are signed: a picture was, by CN=Render farm,O=Studio" in well
        assert "Outputs of tests say nothing" in well
        assert "Outputs of all other projects hold IPTC's digital source type (FARM_PROVENANCE_RULES)." in well
        assert "Outputs of all other projects: drafts say nothing" in well
        assert "Outputs of film: the certificate that signs them is good for 5 days." in warned
        assert "projects that are not there: film, tests." in warned


def test_clocks_that_agree_differ_and_are_refused() -> None:
    assert [clock_finding("x", ahead, "y").level for ahead in (0.5, -60.0, 3600.0)] == [
        Level.OK,
        Level.WARN,
        Level.FAIL,
    ]
    assert "60.0 s behind" in clock_finding("x", -60.0, "y").what


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_clock_is_held_against_the_databases(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.doctor.database.system_clock", lambda: system_clock() + 3600)
    found = doctor("database")
    assert "ahead of that of the database" in told(found, Level.FAIL)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql+psycopg://ada:p@ss/w?rd@db.example:5432/farm?sslmode=require", "db.example:5432/farm"),
        ("redis://:a/b@cache.example/0", "cache.example/0"),
        ("sqlite:////var/lib/farm.sqlite3", "/var/lib/farm.sqlite3"),
        ("unix://:secret@/run/valkey.sock?db=0", "/run/valkey.sock"),
    ],
)
def test_a_place_is_told_without_the_password(url: str, place: str) -> None:
    assert place_of(url) == place


def test_addresses_that_browsers_elsewhere_can_and_cannot_reach() -> None:
    near = [
        "http://minio:9000",
        "http://127.0.0.1:9",
        "http://s3.storage.svc:80",
        "http://[::1]:80",
        "http://localhost",
    ]
    far = ["https://s3.example.org", "http://10.0.0.5:9000", "http://[fd00::5]:80"]
    assert [is_inner(url) for url in near + far] == [True] * 5 + [False] * 3
