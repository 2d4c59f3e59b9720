"""A farm whose PostgreSQL has a disk of its own that is full: first its files find no room, then not even its log."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.scheduler.invariants import Snapshot, breaches
from tests.small_disks import filled, small_disk
from tests.waiting import eventually

pytestmark = pytest.mark.long

SLOW = 50  # steps: long enough on any machine to be caught in the middle
RENDERS = 8
MANY = 400
OURS = ("scheduler", "worker-sana-demo-local", "dashboard")
#: Segments of its log that PostgreSQL may have made in advance, and more.
MOST_SEGMENTS = 64


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where `farm up --postgres` keeps it, in the folder of this farm."""
    with small_disk(tmp_path_factory.mktemp("full") / "postgres", "size=256m") as disk:
        yield disk


@pytest.fixture(scope="module")
def farm(disk: Path) -> Iterator[RunningFarm]:
    yield from running_farm(disk.parent, quick_settings, postgres=True, workers={"sana-demo-local": 1})


def write_to_the_last_segment(farm: RunningFarm) -> None:
    """Fill the log of PostgreSQL until it falls."""
    url = farm.connections.settings.database_url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(MOST_SEGMENTS):
            connection.execute("SELECT pg_logical_emit_message(true, 'farm', 'more')")
            connection.execute("SELECT pg_switch_wal()")


@pytest.mark.parametrize("fill_the_log", [False, True], ids=["no room for rows", "no room for the log"])
def test_a_farm_whose_database_has_no_room_says_so_and_goes_on_when_there_is(
    farm: RunningFarm, disk: Path, fill_the_log: bool
) -> None:
    # Given a batch in the middle
    job = farm.client.submit(
        "sana-demo", "a red star on a black background", seed_count=RENDERS, num_inference_steps=SLOW
    )
    farm.when_stepping(job.id)
    before = {name: farm.stack.pid(name) for name in OURS}
    submit = partial(post, farm, f"once, {fill_the_log}")

    with filled(disk):
        # When the disk is full, then a submission is refused for the moment
        if fill_the_log:
            with pytest.raises(psycopg.OperationalError):
                write_to_the_last_segment(farm)
        refused = submit()
        assert refused.status_code == 503, refused.text
        assert refused.headers["Retry-After"]
        if not fill_the_log:  # and what is there can be read
            assert next(one.id for one in farm.client.jobs()) == job.id

    # When there is room again, then it is accepted once
    made = [eventually(lambda: accepted(submit())) for _ in range(2)]
    assert made[0] == made[1]
    farm.client.cancel(made[0])
    # and all else is rendered once, by the processes that were there
    assert farm.client.wait(job.id, timeout=600).status == "done"
    farm.assert_nothing_lost_or_doubled(job.id, RENDERS)
    assert {row.failures for row in farm.renders(job.id)} == {0}, "nobody is blamed for the disk"
    eventually(lambda: farm.all_ended(made[0]))
    assert breaches(Snapshot(farm.connections.engine)) == []
    assert {name: farm.stack.pid(name) for name in OURS} == before


def post(farm: RunningFarm, key: str) -> httpx.Response:
    """Ask once for more renders than what is left of pages has room for."""
    prompts = [f"a blue circle on a red background, {'large ' * 25}{number}" for number in range(MANY)]
    return httpx.post(
        f"{farm.stack.url}/api/v1/jobs",
        json={"model": "sana-demo", "prompt": prompts, "class": "bulk"},
        headers={"Authorization": f"Bearer {farm.stack.key}", "Idempotency-Key": key},
        timeout=120,
        trust_env=False,
    )


def accepted(answer: httpx.Response) -> str | None:
    """The job, or nothing where it is to be sent again."""
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return None
    assert answer.is_success, answer.text
    return str(answer.json()["job"]["id"])
