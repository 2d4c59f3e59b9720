"""Ids are typed by a beginning, an end, `last`, or a render's place: in every command that takes a job or a render."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from farm.cli import build_app
from tests.farm.scripted_farm import KEY, Said, ScriptedFarm, a_job, a_render, scripted_farm

NEW = "0198bbbb-1111-7000-8000-0000000000bb"
OLD = "0198aaaa-2222-7000-8000-0000000000aa"
R0 = "0198bbbb-1111-7000-8000-000000000f00"
R1 = "0198bbbb-1111-7000-8000-000000000f01"


@pytest.fixture
def farm() -> Iterator[ScriptedFarm]:
    """A farm with two jobs; the newer one has two renders."""
    with scripted_farm() as farm:
        farm.on("GET /api/v1/jobs", Said({"items": [a_job(NEW), a_job(OLD)], "next_cursor": None}))
        renders = [a_render("", b"", index=i, render_id=id_, job_id=NEW) for i, id_ in enumerate((R0, R1))]
        farm.on(f"GET /api/v1/jobs/{NEW}/renders", Said({"items": renders, "next_cursor": None}))
        farm.on(f"GET /api/v1/jobs/{OLD}/renders", Said({"items": [], "next_cursor": None}))
        yield farm


@pytest.fixture
def run(farm: ScriptedFarm) -> Callable[..., Result]:
    environment = {"FARM_URL": farm.url, "FARM_KEY": KEY}
    return lambda *arguments: CliRunner().invoke(build_app(), list(arguments), env=environment)


@pytest.mark.parametrize("typed", ["last", "0198bbbb-1", "00bb", "00BB", NEW])
def test_a_job_is_named_by_a_part_of_its_id(farm: ScriptedFarm, run: Callable[..., Result], typed: str) -> None:
    run("cancel", typed)
    assert farm.requests(f"POST /api/v1/jobs/{NEW}/cancel")


def test_a_render_is_not_taken_for_a_job(run: Callable[..., Result]) -> None:
    told = run("job", "last/1")
    assert (told.exit_code, "'last/1' is a render" in told.stderr, "say 'last'" in told.stderr) == (2, True, True)


@pytest.mark.parametrize("typed", ["last/1", "0198bbbb/1", "0f01", R1])
def test_a_render_is_named_by_its_place_or_a_part_of_its_id(
    farm: ScriptedFarm, run: Callable[..., Result], typed: str
) -> None:
    run("drop", typed)
    assert farm.requests(f"POST /api/v1/renders/{R1}/cancel")


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (["job", "{}"], "GET /api/v1/jobs/{}"),
        (["why", "{}"], "GET /api/v1/jobs/{}/why"),
        (["download", "{}"], "GET /api/v1/jobs/{}"),
        (["sheet", "{}"], "GET /api/v1/jobs/{}/renders"),
        (["drafts", "{}"], "GET /api/v1/jobs/{}/renders"),
        (["pause", "job", "{}"], "POST /api/v1/jobs/{}/pause"),
        (["resume", "job", "{}"], "POST /api/v1/jobs/{}/resume"),
        (["reclass", "{}", "bulk"], "POST /api/v1/jobs/{}/class"),
        (["reorder", "{}", "--front"], "POST /api/v1/jobs/{}/order"),
        (["move", "{}", "other"], "POST /api/v1/jobs/{}/model"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_command_of_jobs(
    farm: ScriptedFarm, run: Callable[..., Result], arguments: list[str], request_: str
) -> None:
    run(*(part.format("last") for part in arguments))
    assert farm.requests(request_.format(NEW))


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (["keep", "{}"], f"GET /api/v1/renders/{R1}"),
        (["why", "{}"], f"GET /api/v1/renders/{R1}/why"),
        (["verify", "{}"], f"GET /api/v1/renders/{R1}"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_command_of_renders(
    farm: ScriptedFarm, run: Callable[..., Result], arguments: list[str], request_: str
) -> None:
    run(*(part.format("last/1") for part in arguments))
    assert farm.requests(request_)


def test_ids_in_options_as_well(farm: ScriptedFarm, run: Callable[..., Result]) -> None:
    run("reorder", "last", "--before", "00aa")
    [heard] = farm.requests(f"POST /api/v1/jobs/{NEW}/order")
    assert heard.body == {"before": OLD}
    run("submit", "sana-demo", "x", "--after", "last", "--after", "00aa")
    assert farm.requests("POST /api/v1/jobs")[0].body["after"] == [NEW, OLD]
    run("dead-letters", "--retry", "0f01", "--job", "last")
    assert farm.requests("POST /api/v1/dead-letters/retry")[0].body == {
        "renders": [R1],
        "job": NEW,
        "everything": True,
    }


def test_what_may_be_several_lists_them_and_what_is_none_says_so(run: Callable[..., Result]) -> None:
    several = run("cancel", "0198")
    assert several.exit_code == 2
    assert "'0198' may be one of several jobs; give more of the id" in several.stderr
    assert f"{NEW}: sana-demo, open: a red circle" in several.stderr
    assert OLD in several.stderr
    assert f"{R0}: last/0" in run("keep", "last").stderr
    assert "No job lately has an id that begins or ends with 'ffff'" in run("cancel", "ffff").stderr
    assert "has no render number 7" in run("drop", "last/7").stderr


def test_a_project_without_jobs_has_no_last_one(farm: ScriptedFarm, run: Callable[..., Result]) -> None:
    farm.on("GET /api/v1/jobs", Said({"items": [], "next_cursor": None}))
    told = run("job", "last")
    assert (told.exit_code, told.stderr) == (2, "The project has no job yet: there is no last one.\n")
