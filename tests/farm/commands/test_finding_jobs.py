"""Jobs and renders are found by filters, deleted and restored, from the command line with the real dashboard."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from farm.client import FarmClient
from farm.lifecycle import Outcome
from tests.farm.commands.shell import Farm, environment, farm, worker
from tests.farm.commands.test_control_commands import submitted
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm", "worker"]  # fixtures


def ids(farm: Farm, *filters: str) -> list[str]:
    told = farm("jobs", *filters, "--json")
    assert told.exit_code == 0, told.stderr
    return [job["id"] for job in json.loads(told.stdout)]


def test_filters_find_what_all_of_them_hold_for(farm: Farm, dashboard: DashboardFarm) -> None:
    failed = submitted(farm, "--title", "rings")
    dashboard.work(Outcome.FAILED)
    waiting = submitted(farm, "--class", "bulk", "--title", "a bulk of Rings")

    assert ids(farm, "--status", "failed", "--status", "open") == [waiting, failed]
    assert ids(farm, "--status", "failed", "--text", "RINGS") == ids(farm, "--ended-since", "2026-01-01") == [failed]
    assert ids(farm, "--class", "bulk", "--model", "sana-demo", "--since", "2026-01-01T10:00") == [waiting]
    assert ids(farm, "--model", "wan-demo", "--model", "sprint-demo") == ids(farm, "--before", "2026-01-01") == []
    nobody = farm("jobs", "--user", "nobody")
    assert (nobody.exit_code, "there is no person 'nobody'" in nobody.stderr) == (2, True)
    assert farm("jobs", "--since", "yesterday").exit_code == 2

    def renders(*filters: str) -> list[Any]:
        return [render["index"] for render in json.loads(farm("job", failed, *filters, "--json").stdout)["renders"]]

    assert renders("--status", "failed", "--status", "done", "--text", "circle") == [0, 1, 2]
    assert renders("--status", "done") == renders("--ended-before", "2026-01-01") == []
    assert "at most 1" in farm("job", failed, "--status", "failed", "--limit", "1").stderr


def test_a_job_is_deleted_found_among_the_deleted_and_restored(farm: Farm) -> None:
    job = submitted(farm)
    goes_on = farm("delete", job)
    assert (goes_on.exit_code, "cancel it first" in goes_on.stderr) == (2, True)
    farm("cancel", job)

    deleted = farm("delete", "last", "--keep-seconds", "600")
    assert (deleted.exit_code, f"until then: farm restore {job}" in deleted.stderr) == (0, True)
    assert (ids(farm), ids(farm, "--deleted")) == ([], [job])
    assert farm("restore", job[-8:]).exit_code == 0
    assert (ids(farm), ids(farm, "--deleted")) == ([job], [])
    assert "no deleted job" in farm("restore", "last").stderr


def test_second_renders_are_left_out_of_lists_and_last_and_found_by_a_filter_and_by_parts_of_ids(
    farm: Farm, dashboard: DashboardFarm
) -> None:
    job = submitted(farm)
    dashboard.work()
    with FarmClient(dashboard.url, dashboard.key) as client:
        [render, *_] = client.renders(job)
        verification = client.verify(render.id)
    dashboard.work()
    again = verification.job_id
    assert (ids(farm), ids(farm, "--verifications", "only")) == ([job], [again])
    assert ids(farm, "--verifications", "with") == [again, job]
    assert json.loads(farm("job", "last", "--json").stdout)["job"]["id"] == job
    assert json.loads(farm("job", again[-8:], "--json").stdout)["job"]["id"] == again

    def gallery(*filters: str) -> list[str]:
        return [one["job_id"] for one in json.loads(farm("gallery", "list", *filters, "--json").stdout)]

    assert set(gallery()) == {job}
    assert gallery("--verifications", "only") == gallery("--job", again) == [again]
    assert farm("jobs", "--verifications", "some").exit_code == 2


@pytest.mark.parametrize(("wrong", "said"), [("../{index}", "inside the folder"), ("{colour}", "is not known")])
def test_a_pattern_that_is_none_is_refused_before_anything_is_submitted(farm: Farm, wrong: str, said: str) -> None:
    told = farm("submit", "sana-demo", "a red circle", "--download", "pictures", "--name", wrong)
    assert (told.exit_code, said in told.stderr, ids(farm)) == (2, True, [])


def test_files_of_a_submission_are_named_by_a_pattern(
    farm: Farm, worker: Callable[..., Thread], tmp_path: Path
) -> None:
    assert farm("submit", "sana-demo", "a red circle", "--name", "{seed}").exit_code == 2  # without --download
    working = worker(Outcome.DONE)
    options = ("--seed", "7", "--download", str(tmp_path / "files"), "--name", "{prompt}/{seed}")
    told = farm("submit", "sana-demo", "a red circle", *options)
    working.join()
    assert told.stdout.splitlines()[1:] == [str(tmp_path / "files" / "a_red_circle" / "7.png")]
