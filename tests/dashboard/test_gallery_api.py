"""Finished renders over all jobs: found, marked, put on boards, deleted and restored, on both databases."""

from typing import Any

import pytest
from sqlalchemy import func, select, text

from farm.database import read
from farm.errors import NotFound
from farm.tables import Artifact, Render, RenderMark, RenderTag
from scheduler.maintenance.old_files import remove_old_jobs
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.finished import finish_everything

RENDERS = "/api/v1/renders"


def _found(house: House, who: Tenant | None = None, **query: Any) -> list[str]:
    """Prompts of the gallery with this filter, newest first."""
    answer = house.get(RENDERS, who, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [item["parameters"]["prompt"] for item in answer.json["items"]]


def _ids(house: House) -> list[str]:
    return [item["id"] for item in house.get(RENDERS).json["items"]]


def _patch(house: House, path: str, body: Any, who: Tenant | None = None) -> Any:
    return house.client.patch(path, headers=(who or house.ours).headers, json=body)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_renders_of_all_jobs_are_found_by_words_and_by_what_was_asked(postgres_house: House) -> None:
    house = postgres_house
    house.submit(prompt=["A red circle, on blue_ink", "蓝色背景上的红色圆形"], seed=1)
    house.submit(model="sprint-demo", prompt="a café by the sea (detailed:1.3)", width=96, height=128, seed=2)
    house.submit(prompt="not finished red circle", seed=3)
    house.submit(house.theirs, prompt="a red circle of theirs")
    finish_everything(house.connections, but="not finished")
    cafe, chinese, red = "a café by the sea (detailed:1.3)", "蓝色背景上的红色圆形", "A red circle, on blue_ink"

    assert _found(house) == [cafe, chinese, red]
    assert _found(house, house.theirs) == ["a red circle of theirs"]
    for words in ("circ red", "RED", "ink blue", "circle,", "red-circle"):
        assert _found(house, text=words) == [red], words
    assert _found(house, text="红色") == [chinese]
    assert _found(house, text="café") == _found(house, text="detailed 1") == [cafe]
    for nothing in ("ircle", "project_id", '" OR "', "%", "' & !", "red AND", "theirs", "NEAR(red)"):
        assert _found(house, text=nothing) == [], nothing
    assert _found(house, model="sprint-demo") == _found(house, width=96, height=128) == [cafe]
    assert _found(house, model=["sprint-demo", "sana-demo"], user="ours-user", lora="none") == []
    sampler = house.get(RENDERS).json["items"][-1]["parameters"]["sampler"]
    assert red in _found(house, sampler=sampler, finished_after="2020-01-01T00:00:00Z")
    assert _found(house, finished_before="2020-01-01T00:00:00Z") == []

    # The cursor is stable: what comes meanwhile moves nothing.
    first = house.get(RENDERS, query_string={"limit": 2}).json
    house.submit(prompt="newer")
    finish_everything(house.connections, but="not finished")
    assert _found(house, limit=2, cursor=first["next_cursor"]) == [red]
    # A filter that hardly anything passes does not look at all of a million: the page is short, and has a next one.
    assert first["items"][0]["model"] == "sprint-demo"
    assert first["items"][0]["user"] == "ours-user"


def test_a_page_of_a_filter_looks_at_so_many_and_goes_on_behind_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.reads.gallery.listing.LOOKED_AT", 3)
    house.submit(prompt=["wanted", *["other"] * 4, "wanted too"], seed=1)
    finish_everything(house.connections)
    pages, cursor = [], None
    while not pages or cursor:
        answer = house.get(RENDERS, query_string={"text": "wanted", **({"cursor": cursor} if cursor else {})}).json
        pages.append([item["parameters"]["prompt"] for item in answer["items"]])
        cursor = answer["next_cursor"]
    assert pages == [["wanted too"], ["wanted"], []]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_people_rate_tag_and_collect_and_nobody_else_does(postgres_house: House) -> None:
    house = postgres_house
    house.submit(prompt=["one", "two", "three"], seed=1)
    finish_everything(house.connections)
    three, two, one = _ids(house)
    # One at a time …
    said = _patch(house, f"{RENDERS}/{one}/marks", {"rating": 4, "tags": ["  Sea  View ", "sea view", "草稿"]})
    assert said.json == {"rating": 4, "favourite": False, "tags": ["sea view", "草稿"], "boards": [], "delete_at": None}
    assert _patch(house, f"{RENDERS}/{one}/marks", {"favourite": True}).json["rating"] == 4
    tag = house.get(f"{RENDERS}/{one}/marks").headers["ETag"]
    assert house.client.get(
        f"{RENDERS}/{one}/marks", headers={**house.ours.headers, "If-None-Match": tag}
    ).status_code == 304  # fmt: skip
    # … and several at once, in any form of an id, twice the same.
    both = {"renders": [two, three.upper(), two], "rating": 2, "add_tags": ["Sea View"], "remove_tags": ["none"]}
    assert house.post(f"{RENDERS}/marks", json=both).json == {"renders": 2}
    assert house.post(f"{RENDERS}/marks", json=both).status_code == 200
    assert _found(house, tag="SEA view") == ["three", "two", "one"]
    assert (
        _found(house, tag=["sea view", "草稿"]) == _found(house, rating=3) == _found(house, favourite="true") == ["one"]
    )
    assert house.get("/api/v1/tags").json["items"][0] == {"tag": "sea view", "renders": 3}
    assert _patch(house, f"{RENDERS}/{two}/marks", {"rating": 0, "tags": []}).json["rating"] is None

    made = house.post("/api/v1/boards", json={"name": " Finals "})
    assert (made.status_code, made.json["name"], made.json["renders"]) == (201, "Finals", 0)
    board = made.headers["Location"]
    assert house.post("/api/v1/boards", json={"name": "Finals"}).status_code == 409
    for _ in range(2):
        assert house.post(f"{board}/renders", json={"add": [one, three], "remove": [two]}).json["renders"] == 2
    assert _found(house, board=made.json["id"]) == ["three", "one"]
    assert house.get(f"{RENDERS}/{one}/marks").json["boards"] == [made.json["id"]]
    assert _patch(house, board, {"name": "Best"}).json["name"] == "Best"

    # Another project neither sees nor changes any of it, and learns nothing.
    theirs = house.theirs
    assert _patch(house, f"{RENDERS}/{one}/marks", {"rating": 1}, theirs).status_code == 404
    assert house.post(f"{RENDERS}/marks", theirs, json={"renders": [one], "rating": 1}).status_code == 404
    assert house.client.delete(f"{RENDERS}/{one}", headers=theirs.headers).status_code == 404
    assert house.post(f"{RENDERS}/{one}/restore", theirs).status_code == 404
    assert (house.get(board, theirs).status_code, _patch(house, board, {"name": "x"}, theirs).status_code) == (404, 404)
    mine = house.post("/api/v1/boards", theirs, json={"name": "Best"}).headers["Location"]
    assert house.post(f"{mine}/renders", theirs, json={"add": [one]}).status_code == 404
    assert house.get(RENDERS, theirs, query_string={"board": made.json["id"]}).status_code == 404
    assert house.get("/api/v1/tags", theirs).json["items"] == []
    assert len(house.get("/api/v1/boards", theirs).json["items"]) == 1
    assert house.client.delete(board, headers=house.ours.headers).status_code == 204
    assert _found(house) == ["three", "two", "one"]


def test_what_no_mark_can_be_is_refused_with_its_place(house: House) -> None:
    house.submit(prompt="one", seed=1)
    finish_everything(house.connections)
    [one] = _ids(house)
    for body, place in (
        ({"rating": 6}, "/rating"),
        ({"rating": True}, "/rating"),
        ({"tags": [" "]}, "/tags/0"),
        ({"tags": ["x" * 51]}, "/tags/0"),
        ({"tags": ["a\x00"]}, "/tags/0"),
        ({"stars": 5}, "/stars"),
    ):
        answer = _patch(house, f"{RENDERS}/{one}/marks", body)
        assert answer.status_code == 422, body
        assert answer.json["errors"][0]["pointer"] == place
    tags = [f"tag {number}" for number in range(50)]
    assert _patch(house, f"{RENDERS}/{one}/marks", {"tags": tags}).status_code == 200
    assert house.post(f"{RENDERS}/marks", json={"renders": [one], "add_tags": ["more"]}).status_code == 422
    assert len(house.get(f"{RENDERS}/{one}/marks").json["tags"]) == 50
    for query in ({"rating": 9}, {"cursor": "x"}, {"width": 10**12}, {"finished_after": "today"}, {"colour": "red"}):
        assert house.get(RENDERS, query_string=query).status_code == 422, query
    assert house.get(RENDERS, query_string={"board": "x"}).status_code == 404


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_deleted_render_leaves_the_gallery_and_comes_back_until_its_time_has_come(postgres_house: House) -> None:
    house = postgres_house
    job = house.submit(prompt=["one", "two"], seed=1)
    finish_everything(house.connections)
    two, one = _ids(house)

    def delete(render_id: str, **query: Any) -> Any:
        return house.client.delete(f"{RENDERS}/{render_id}", headers=house.ours.headers, query_string=query)

    assert delete(one).json["delete_at"] is not None
    assert (_found(house), _found(house, deleted="true")) == (["two"], ["one"])
    assert house.post(f"{RENDERS}/{one}/restore").json["delete_at"] is None
    assert _found(house) == ["two", "one"]
    house.post(f"{RENDERS}/{two}/restore")  # was not deleted: nothing is done, and nothing written down
    told = house.get("/api/v1/audit?limit=2").json["items"]
    assert [(entry["action"], entry["target"]) for entry in told] == [("render.restored", one), ("render.deleted", one)]
    pending = house.submit(prompt="waits")
    assert delete(house.renders(pending["id"])[0]["id"]).status_code == 404

    # When its time has come its files go; the render stays in its job.
    delete(one, keep_seconds=0)
    removed: list[str] = []
    house.connections.storage.delete = removed.extend  # type: ignore[method-assign]  # no storage runs here
    remove_old_jobs.one_pass(house.connections, house.connections.clock())
    assert len(removed) == 2
    assert all(one in key for key in removed)
    assert house.post(f"{RENDERS}/{one}/restore").status_code == 409
    assert (_found(house), _found(house, deleted="true")) == (["two"], [])
    assert [len(render["artifacts"]) for render in house.renders(job["id"])] == [0, 2]

    # A job that goes takes along all that was said of its renders, and its words.
    _patch(house, f"{RENDERS}/{two}/marks", {"rating": 1, "tags": ["x"]})
    gone = house.client.delete(f"/api/v1/jobs/{job['id']}?keep_seconds=0", headers=house.ours.headers)
    assert gone.status_code == 200, gone.json
    assert _found(house) == []
    for _ in range(2):
        remove_old_jobs.one_pass(house.connections, house.connections.clock())
    with read(house.connections.engine) as connection:
        for table in (RenderMark, RenderTag, Artifact):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        assert connection.scalar(select(func.count()).select_from(Render)) == 1
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("SELECT count(*) FROM render_search")) == 0


def test_the_files_of_a_deleted_render_leave_the_storage(live_house: House) -> None:
    house = live_house
    house.submit(prompt="one", seed=1)
    finish_everything(house.connections, stored=True)
    [item] = house.get(RENDERS).json["items"]
    with read(house.connections.engine) as connection:
        keys = connection.scalars(select(Artifact.key)).all()
    house.client.delete(f"{RENDERS}/{item['id']}?keep_seconds=0", headers=house.ours.headers)
    remove_old_jobs.one_pass(house.connections, house.connections.clock())
    for key in keys:
        with pytest.raises(NotFound):
            house.connections.storage.get(key)
