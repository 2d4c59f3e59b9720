"""A PostgreSQL that ends under a whole farm, by a crash or in order, and comes back: nobody ends, nothing is lost."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from farm.client.errors import FarmProblem, FarmUnreachable
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.waiting import eventually

pytestmark = pytest.mark.long

SLOW = 50  # steps: long enough on any machine to be caught in the middle
RENDERS = 12
OURS = ("scheduler", "worker-sana-demo-local", "dashboard")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(
        tmp_path_factory.mktemp("restarts"), quick_settings, postgres=True, workers={"sana-demo-local": 1}
    )


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT], ids=["a crash", "an orderly end that throws everybody out"]
)
def test_a_database_that_restarts_in_mid_batch_loses_nothing_and_ends_nobody(
    farm: RunningFarm, number: signal.Signals
) -> None:
    job = farm.client.submit(
        "sana-demo", "a red star on a black background", seed_count=RENDERS, num_inference_steps=SLOW
    )
    farm.when_stepping(job.id)
    before = {name: farm.stack.pid(name) for name in OURS}
    server = farm.stack.pid("postgres")

    farm.stack.kill("postgres", number)
    eventually(lambda: farm.stack.pid("postgres") != server)

    ended = eventually(lambda: _ended(farm, job.id), timeout=600)
    assert ended.status == "done"
    farm.assert_nothing_lost_or_doubled(job.id, renders=RENDERS)
    assert {row.failures for row in farm.renders(job.id)} == {0}, "nobody is blamed for the database"
    assert {name: farm.stack.pid(name) for name in OURS} == before


def test_a_submission_while_the_database_is_away_is_refused_in_words_and_taken_afterwards(farm: RunningFarm) -> None:
    farm.stack.kill("postgres")
    told: list[int] = []

    def submitted() -> Any:
        try:
            return farm.client.submit("sana-demo", "a green circle", seed_count=2, idempotency_key="once")
        except (FarmProblem, FarmUnreachable) as error:
            told.append(error.status if isinstance(error, FarmProblem) else 503)
            return None

    job = eventually(submitted)
    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=2)
    assert set(told) <= {503}


def _ended(farm: RunningFarm, job_id: str) -> Any:
    """The job once it has ended; a farm whose database is away answers later."""
    try:
        job = farm.client.job(job_id)
    except (FarmProblem, FarmUnreachable):
        return None
    return job if job.ended else None
