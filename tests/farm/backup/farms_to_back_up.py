"""Farms with work in flight, for the tests of backups."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import select

from farm.accounts import create_project, create_user
from farm.catalog import Catalog
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Outcome
from farm.settings import Settings
from farm.storage import Storage
from farm.storage_keys import ArtifactKind, artifact_key
from farm.tables import Base
from scheduler.fair_share.fold_charges import fold
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook
from tests.scheduler.conftest import TestClock, connect
from tests.scheduler.jobs import claim_some, submit_job
from tests.servers import S3, bucket_of_its_own


@contextmanager
def farm_on(url: str, folder: Path, s3: S3, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    """A farm without processes, with a bucket of its own."""
    settings = Settings(data_dir=folder, database_url=SecretStr(url))
    with connect(settings, catalog, clock) as farm, bucket_of_its_own(s3) as own:
        farm.storage = Storage(own)
        yield farm


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
