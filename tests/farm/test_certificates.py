"""Servers are used over TLS only when their certificate is trusted: by the system, or by an authority that we name."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from farm.broker import Broker
from farm.database import make_engine, read, trouble
from farm.errors import SettingsError
from farm.local.certificates import Certificates, ensure_certificates
from farm.progress import ProgressBoard
from farm.settings import Settings, load_settings
from tests.databases import PostgresServer
from tests.farm.test_broker import OfBroker, hear, let_it_go_on
from tests.tls import tls_in_front
from tests.valkeys import PASSWORD, OwnValkey, own_valkey
from tests.waiting import eventually


@pytest.fixture(scope="module")
def own() -> Iterator[OwnValkey]:
    with own_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def rediss(own: OwnValkey, certificates: Certificates) -> Iterator[str]:
    """The address of a Valkey behind TLS."""
    with tls_in_front(own.socket, certificates) as port:
        yield f"rediss://:{PASSWORD}@localhost:{port}/0"


def broker_of(url: str, ca_file: Path | None) -> Broker:
    return Broker(OfBroker(SecretStr(url), ca_file))


RingWorker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ring_worker(tmp_path: Path) -> Iterator[RingWorker]:
    """Starts a Celery worker with an address and perhaps an authority; its log is `tmp_path/worker.log`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> "subprocess.Popen[str]":
        script = Path(__file__).with_name("ring_worker.py")
        with (tmp_path / "worker.log").open("w") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, script, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def test_rings_and_progress_go_over_tls_by_an_authority_of_ones_own(
    rediss: str, certificates: Certificates, ring_worker: RingWorker
) -> None:
    broker, board = broker_of(rediss, certificates.authority), ProgressBoard(rediss, certificates.authority)
    worker = ring_worker(rediss, certificates.authority)

    assert eventually(lambda: broker.ring("test", workers=1))
    hear(worker, "ring")
    let_it_go_on(worker)
    board.announce(lanes=["lane"])
    board.flush()

    assert board.lane_counter("lane")
    board.close()
    broker.close()


def test_a_certificate_of_an_unknown_authority_is_refused_by_both_halves_and_told(
    rediss: str, own: OwnValkey, ring_worker: RingWorker, tmp_path: Path
) -> None:
    broker = broker_of(rediss, None)
    with capture_logs() as logs:
        assert broker.ring("test", workers=1) is False
    worker = ring_worker(rediss)

    eventually(lambda: "certificate not trusted" in (tmp_path / "worker.log").read_text())
    assert worker.poll() is None
    assert "Connected to" not in (tmp_path / "worker.log").read_text()
    for told in (str(logs), (tmp_path / "worker.log").read_text()):
        assert "certificate not trusted" in told
        assert "FARM_REDIS_CA_FILE" in told
        assert PASSWORD not in told
    broker.close()


def test_a_certificate_for_another_name_is_refused(own: OwnValkey, certificates: Certificates) -> None:
    with tls_in_front(own.socket, certificates, "127.0.0.2") as port:
        broker = broker_of(f"rediss://:{PASSWORD}@127.0.0.2:{port}/0", certificates.authority)
        with capture_logs() as logs:
            assert broker.ring("test", workers=1) is False
        broker.close()
    assert "certificate not trusted (IP address mismatch" in str(logs)


@pytest.fixture(scope="module")
def postgres_with_tls(postgres_server: PostgresServer, certificates: Certificates) -> Iterator[str]:
    """The address of a PostgreSQL behind TLS: that of the wheel is built without."""
    with tls_in_front(postgres_server.socket_dir / ".s.PGSQL.5432", certificates, asked=True) as port:
        yield f"postgresql://farm@localhost:{port}/postgres"


def test_a_database_is_checked_by_an_authority_of_ones_own(
    postgres_with_tls: str, certificates: Certificates, tmp_path: Path
) -> None:
    engine = make_engine(settings_of(tmp_path, postgres_with_tls, certificates.authority))
    with read(engine) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        assert connection.connection.driver_connection.pgconn.ssl_in_use  # type: ignore[union-attr]
    engine.dispose()


def refused_by(engine: Engine) -> str:
    """Why a database could not be used."""
    with pytest.raises(OperationalError) as refused, read(engine):
        pass
    engine.dispose()
    return trouble(refused.value)


def test_a_database_of_an_unknown_authority_is_refused_and_told_without_a_traceback(
    postgres_with_tls: str, certificates: Certificates, tmp_path: Path
) -> None:
    # An authority of the same name with another key, one that many know, and another host's name.
    stranger = ensure_certificates(tmp_path / "stranger").authority
    elsewhere = f"{postgres_with_tls}?hostaddr=127.0.0.1".replace("localhost", "elsewhere")
    reasons = [
        refused_by(make_engine(settings_of(tmp_path, postgres_with_tls, stranger))),
        refused_by(make_engine(settings_of(tmp_path, postgres_with_tls, Path(certifi.where())))),
        refused_by(make_engine(settings_of(tmp_path, elsewhere, certificates.authority))),
    ]
    asked = {"FARM_DATABASE_URL": postgres_with_tls, "FARM_DATABASE_CA_FILE": str(stranger)}
    command = subprocess.run(
        [sys.executable, "-m", "farm", "db", "upgrade"],
        env={**os.environ, **asked, "FARM_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert command.returncode == 2
    assert "Traceback" not in command.stderr
    for told in (*reasons, command.stderr):
        assert "certificate not trusted" in told
        assert "FARM_DATABASE_CA_FILE" in told


@pytest.mark.parametrize("setting", ["FARM_REDIS_CA_FILE", "FARM_S3_CA_FILE", "FARM_DATABASE_CA_FILE"])
def test_an_authority_that_cannot_be_read_is_told_at_the_start(setting: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be a file that can be read"):
        load_settings(variables={setting: str(tmp_path / "nothing.pem")})


def settings_of(folder: Path, url: str, ca_file: Path) -> Settings:
    return Settings(data_dir=folder, database_url=SecretStr(url), database_ca_file=ca_file)
