"""Lists of jobs and renders hold what is asked for, page by page."""

from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.reads import renders as render_reads
from farm.database import read, write
from farm.tables import Job, Render
from tests.dashboard.conftest import House


def _ids(house: House, path: str, **query: Any) -> list[str]:
    answer = house.get(path, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [item["id"] for item in answer.json["items"]]


def _walk(house: House, path: str, **query: Any) -> tuple[list[str], int]:
    """Ids on all pages, and how many pages those were."""
    found: list[str] = []
    pages = 0
    while True:
        page = house.get(path, query_string=query).json
        found += [item["id"] for item in page["items"]]
        pages += 1
        if page["next_cursor"] is None:
            return found, pages
        query["cursor"] = page["next_cursor"]


def _change(house: House, job_id: str, **values: Any) -> None:
    with write(house.connections.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(**values))


def _check_jobs(house: House) -> None:
    red = house.submit(prompt="a red circle 100% round")["id"]
    blue = house.submit(prompt="蓝色星形", model="sprint-demo", **{"class": "bulk"})["id"]
    done = house.submit(prompt="A RED square")["id"]
    _change(house, red, created_at=1_000_000_000.0, user_id=None)
    _change(house, done, status="done", finished_at=1_700_000_000.0)
    jobs = "/api/v1/jobs"
    assert _ids(house, jobs, status=["done", "failed"]) == [done]
    assert _ids(house, jobs, model=["sprint-demo", "wan-demo"]) == [blue]
    assert _ids(house, jobs, **{"class": "bulk"}) == [blue]
    assert _ids(house, jobs, text="red") == [done, red]
    assert _ids(house, jobs, text="100%") == [red]
    assert _ids(house, jobs, text="1_0") == []
    assert _ids(house, jobs, text="蓝色") == [blue]
    assert _ids(house, jobs, user="ours-user") == [done, blue]
    assert _ids(house, jobs, created_before="2001-09-09T01:46:41Z") == [red]
    assert _ids(house, jobs, created_after="2001-09-09T03:46:41+02:00") == [done, blue]
    assert _ids(house, jobs, finished_after="2023-11-14T22:13:20Z", finished_before="2023-11-14T22:13:21Z") == [done]
    assert _ids(house, jobs, model="sana-demo", text="red", created_after="2010-01-01T00:00:00Z") == [done]
    assert _walk(house, jobs, text="red", limit=1) == ([done, red], 2)
    assert [house.get(f"{jobs}/{job}").json["user"] for job in (red, blue)] == [None, "ours-user"]


def test_jobs_are_found_by_state_model_class_person_words_and_dates(house: House) -> None:
    _check_jobs(house)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_jobs_are_found_on_postgresql_too(postgres_house: House) -> None:
    _check_jobs(postgres_house)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"created_after": "yesterday"}, "/query/created_after"),
        ({"created_after": "2026-01-01T00:00:00"}, "/query/created_after"),
        ({"text": "\0"}, "/query/text"),
        ({"status": "gone"}, "/query/status/0"),
        ({"colour": "red"}, "/query/colour"),
    ],
)
def test_a_filter_that_cannot_be_one_is_refused_with_its_place(house: House, query: Any, place: str) -> None:
    answer = house.get("/api/v1/jobs", query_string=query)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, place)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_words_are_found_in_capitals_or_not_in_every_script(postgres_house: House) -> None:
    house = postgres_house
    jobs = [house.submit(prompt=prompt) for prompt in ("Éclair 100%", "éclair", "ЗИМА в лесу")]
    for words, found in (("ÉCLAIR", jobs[:2]), ("éclair", jobs[:2]), ("зима", jobs[2:]), ("100%", jobs[:1])):
        assert _ids(house, "/api/v1/jobs", text=words) == [job["id"] for job in reversed(found)], words
        assert all(_ids(house, job["links"]["renders"], text=words) for job in found), words


def test_a_filter_never_shows_a_job_of_another_project(house: House) -> None:
    house.submit(house.theirs, prompt="a red circle")
    assert _ids(house, "/api/v1/jobs", text="red") == []
    told = house.get("/api/v1/jobs", query_string={"user": "theirs-user"})
    assert told.status_code == 422, "as one that nobody has"
    assert "did you mean 'ours-user'? Known: ours-user" in told.json["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("path", "query", "fault"),
    [
        (
            "jobs",
            {"model": ["sana-demo", "sana-dem"]},
            ("/query/model", "there is no model 'sana-dem'; did you mean 'sana-demo"),
        ),
        ("jobs", {"class": "huge"}, ("/query/class", "there is no class 'huge'; did you mean 'urgent'? Known: urgent")),
        ("jobs", {"user": "nobody"}, ("/query/user", "there is no person 'nobody'; did you mean 'ours-user'")),
        ("renders", {"sampler": "dpm"}, ("/query/sampler", "there is no sampler 'dpm'; did you mean 'dpm++-2m'")),
        ("renders", {"scorer": "sharp"}, ("/query/scorer", "there is no scorer 'sharp'; did you mean 'sharpness'")),
        ("scores", {"scorer": "TYPO"}, ("/query/scorer", "there is no scorer 'TYPO'; did you mean")),
        ("scores", {"scorer": "prompt", "model": "x"}, ("/query/model", "there is no model 'x'")),
        ("dead-letters", {"model": "x"}, ("/query/model", "there is no model 'x'")),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_what_there_is(
    house: House, path: str, query: Any, fault: tuple[str, str]
) -> None:
    answer = house.get(f"/api/v1/{path}", query_string=query)
    assert answer.status_code == 422, answer.text
    [told] = answer.json["errors"]
    assert told["pointer"] == fault[0]
    assert told["detail"].startswith(fault[1])


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("cancellations", {"model": "sana-dem"}, "/model"),
        ("cancellations", {"class": "huge"}, "/class"),
        ("cancellations", {"lane": "sana-demo"}, "/lane"),
        ("dead-letters/retry", {"model": "sana-dem"}, "/model"),
    ],
)
def test_a_typing_error_does_not_look_as_if_there_were_nothing_to_do(
    house: House, path: str, body: dict[str, str], pointer: str
) -> None:
    answer = house.post(f"/api/v1/{path}", json=body)
    assert (answer.status_code, [fault["pointer"] for fault in answer.json["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("filter_", ["job", "board"])
@pytest.mark.parametrize("path", ["renders", "scores?scorer=prompt"])
def test_a_job_or_board_that_is_not_there_is_not_found(house: House, path: str, filter_: str) -> None:
    answer = house.get(f"/api/v1/{path}{'&' if '?' in path else '?'}{filter_}=0195f0c2-7d1a-7c3e-9f00-2b6c1d4e5f60")
    assert answer.status_code == 404


def test_what_was_rendered_is_found_after_its_model_and_its_person_are_gone(house: House) -> None:
    job = house.submit()["id"]
    _change(house, job, model="sana-of-last-year")
    with write(house.connections.engine) as connection:
        # Who is of another project now.
        connection.execute(update(Job).where(Job.id == job).values(user_id=house.theirs.user_id))

    assert _ids(house, "/api/v1/jobs", model="sana-of-last-year", user="theirs-user") == [job]
    others = house.get("/api/v1/jobs", house.theirs, query_string={"model": "sana-of-last-year"})
    assert others.status_code == 422, "what others rendered is known to nobody else"


def test_words_that_people_give_find_nothing_where_nothing_has_them(house: House) -> None:
    for query in ({"tag": "finals"}, {"text": "nothing"}):
        assert _ids(house, "/api/v1/jobs", **query) == []
    assert house.get("/api/v1/renders", query_string={"lora": "ink", "tag": "finals"}).json["items"] == []


def test_renders_of_a_job_are_found_by_state_words_and_dates(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job = house.submit(prompt=["a red circle", "a Blue star"], seeds=[1, 2, 3])
    path, renders = job["links"]["renders"], [item["id"] for item in house.renders(job["id"])]
    with write(house.connections.engine) as connection:
        connection.execute(update(Render).where(Render.id == renders[5]).values(status="done", finished_at=5.0))
    assert _ids(house, path, status=["done", "failed"]) == [renders[5]]
    assert _ids(house, path, text="blue") == renders[3:]
    assert _ids(house, path, text="blue", status="pending") == renders[3:5]
    assert _ids(house, path, finished_before="1970-01-01T00:00:06Z") == [renders[5]]
    assert _walk(house, path, text="blue", limit=2) == (renders[3:], 2)
    # However long the job is, a page looks at so many: here at two, and the pages without any of them are empty.
    monkeypatch.setattr(render_reads, "LOOKED_AT", 2)
    assert _walk(house, path, status="done") == ([renders[5]], 3)
    assert _walk(house, path) == (renders, 1)


def test_the_list_of_jobs_walks_down_an_index_whatever_it_is_asked_for(house: House) -> None:
    # Sorting, or looking through other projects' jobs, would cost more with each job of the farm.
    house.submit()
    with read(house.connections.engine) as connection:
        statement = select(Job.id).where(Job.project_id == house.ours.project_id, Job.title.icontains("red"))
        text = str(
            statement.order_by(Job.id.desc()).limit(50).compile(connection, compile_kwargs={"literal_binds": True})
        )
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}".replace("%", "%%"))]
    assert len(plan) == 1
    assert "ix_jobs_project_id_id" in plan[0]
