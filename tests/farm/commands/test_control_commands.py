"""The commands of control: what they ask of the farm, and what they say."""

import json

from tests.farm.commands.shell import Farm, environment, farm

__all__ = ["environment", "farm"]  # fixtures


def submitted(farm: Farm, *more: str) -> str:
    told = farm("submit", "sana-demo", "a red circle", "--seeds", "3", *more)
    assert told.exit_code == 0, told.stderr
    return str(told.stdout.strip())


def test_a_job_is_paused_reclassed_put_in_front_and_resumed(farm: Farm) -> None:
    job_id = submitted(farm)
    assert "paused" in farm("pause", "job", job_id).stderr
    assert farm("reclass", job_id, "bulk").exit_code == 0
    assert farm("reorder", job_id, "--front").exit_code == 0
    assert farm("reorder", job_id, "--front", "--back").exit_code == 2
    assert "open" in farm("resume", "job", job_id).stderr
    job = json.loads(farm("job", job_id, "--json").stdout)["job"]
    assert (job["class"], job["status"]) == ("bulk", "open")


def test_a_job_moves_only_to_a_model_that_renders_what_was_asked(farm: Farm) -> None:
    told = farm("move", submitted(farm), "wan-demo")
    assert (told.exit_code, "family" in told.stderr) == (2, True)


def test_a_filter_counts_and_cancels(farm: Farm) -> None:
    submitted(farm)
    assert "3 renders of 1 job would be cancelled" in farm("cancel", "--text", "CIRCLE", "--dry-run").stderr
    assert "3 renders of 1 job cancelled" in farm("cancel", "--text", "circle").stderr
    assert farm("cancel").exit_code == 2


def test_a_job_waits_for_a_time_and_for_another_job(farm: Farm) -> None:
    first = submitted(farm, "--not-before", "3600", "--deadline", "86400")
    second = submitted(farm, "--after", first, "--after-failure", "run")
    renders = json.loads(farm("job", second, "--json").stdout)["renders"]
    assert {render["status"] for render in renders} == {"held"}
    assert farm("submit", "sana-demo", "a red circle", "--deadline", "yesterday").exit_code == 2


def test_the_quota_is_shown(farm: Farm) -> None:
    submitted(farm)
    assert "3 renders" in farm("quota").stdout
    assert json.loads(farm("quota", "--json").stdout)["pending"] == 3
