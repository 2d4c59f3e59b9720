"""Fixtures: the real Valkey and the real S3 server, started once per test session, as `farm up` starts them."""

import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr

from farm.local.ports import Ports
from farm.local.processes import Processes
from farm.local.program import Server
from farm.local.seaweed import seaweed
from farm.local.valkey import valkey
from farm.redis_connection import connect
from farm.storage import Storage


@dataclass(frozen=True)
class S3:
    """The storage settings of a client of the tests' S3 server, named as in :class:`farm.settings.Settings`."""

    s3_endpoint_url: str
    s3_access_key_id: SecretStr
    s3_secret_access_key: SecretStr
    s3_bucket: str = "latent-farm"
    s3_region: str = "us-east-1"
    s3_public_endpoint_url: str | None = None
    link_seconds: int = 3600
    s3_ca_file: Path | None = None
    s3_checksums: Literal["when_supported", "when_required"] = "when_supported"

    @property
    def environment(self) -> dict[str, str]:
        """The same as variables for a process of the farm."""
        return {
            "FARM_S3_ENDPOINT_URL": self.s3_endpoint_url,
            "FARM_S3_ACCESS_KEY_ID": self.s3_access_key_id.get_secret_value(),
            "FARM_S3_SECRET_ACCESS_KEY": self.s3_secret_access_key.get_secret_value(),
            "FARM_S3_BUCKET": self.s3_bucket,
        }


def thrown_away(server: Server) -> Server:
    """The same server, killed when it is stopped: SeaweedFS takes two to five seconds to end in order, asleep."""
    return replace(server, program=replace(server.program, stop_signal=signal.SIGKILL))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder with a short path: a socket's path may have about 100 characters, pytest's own are longer."""
    folder = Path(tempfile.mkdtemp(prefix="farm-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_processes(server_folder: Path) -> Iterator[Processes]:
    """Keeps the session's servers running."""
    (server_folder / "logs").mkdir()
    processes = Processes(server_folder / "logs", print)
    yield processes
    processes.stop()


@pytest.fixture(scope="session")
def valkey_server(server_processes: Processes, server_folder: Path) -> Server:
    """The running Valkey; for a test that stops or kills it, start one of its own."""
    server = valkey(server_folder / "valkey", server_folder, password="the-password-of-the-tests")
    server_processes.start(server.program)
    server_processes.wait_ready([server.program.name])
    return server


@pytest.fixture
def valkey_url(valkey_server: Server) -> str:
    """The address of a Valkey that is empty."""
    client = connect(valkey_server.url)
    client.flushall()
    client.close()
    return valkey_server.url


@pytest.fixture(scope="session")
def s3(server_processes: Processes, server_folder: Path) -> S3:
    """The running S3 server, with the bucket `latent-farm`."""
    key, secret = "tests", "the-secret-of-the-tests"
    server = seaweed(server_folder / "seaweed", Ports(server_folder / "ports.json"), key, secret, "latent-farm")
    server_processes.start(thrown_away(server).program)
    server_processes.wait_ready([server.program.name])
    return S3(server.url, SecretStr(key), SecretStr(secret))


@contextmanager
def bucket_of_its_own(s3: S3) -> Iterator[S3]:
    """That server, with a bucket that nobody else has.

    It goes afterwards: SeaweedFS keeps each bucket in volumes of its own, and makes as many as the disk's free space
    has room for; then every write into a new bucket is an InternalError.
    """
    own = replace(s3, s3_bucket=f"own-{uuid.uuid4().hex[:12]}")
    storage = Storage(own)
    storage.ensure_bucket()
    yield own
    storage.delete(storage.list(""))
    storage._s3.delete_bucket(Bucket=own.s3_bucket)
    storage.close()


@pytest.fixture
def own_bucket(s3: S3) -> Iterator[S3]:
    """The S3 server, with a bucket that only this test has."""
    with bucket_of_its_own(s3) as own:
        yield own


@pytest.fixture(scope="session")
def storage(s3: S3) -> Iterator[Storage]:
    """The farm's storage on that server."""
    storage = Storage(s3)
    yield storage
    storage.close()
