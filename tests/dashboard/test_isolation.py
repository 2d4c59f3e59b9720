"""Nobody sees, counts, follows or changes what belongs to another project."""

import re
from typing import Any

import pytest
from sqlalchemy import insert, update

from farm.database import write
from farm.ids import new_id
from farm.tables import Artifact, Input, Render
from farm.tables.share_links import SharedKind
from scheduler.fleet.worker_registry import WorkerReport, beat, sign_on
from scheduler.gallery.boards import create_board
from scheduler.gallery.share_links import create_share_link
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook, write_test
from tests.dashboard.conftest import House
from tests.dashboard.test_set_distances import FOUND


@pytest.fixture
def their_ids(house: House) -> dict[str, str]:
    """A job of the other project with a finished render."""
    job = house.submit(house.theirs)
    render = house.renders(job["id"], house.theirs)[0]
    clip = house.renders(house.submit(house.theirs, model="wan-demo")["id"], house.theirs)[0]
    artifact = new_id()
    with write(house.connections.engine) as connection:
        connection.execute(update(Render).where(Render.id.in_([render["id"], clip["id"]])).values(status="done"))
        row = {"id": artifact, "render_id": render["id"], "attempt": 0, "kind": "output", "key": "k", "size": 1}
        connection.execute(insert(Artifact), row | {"content_type": "image/png", "sha256": "0" * 64, "created_at": 0.0})
        of_clip = {"id": new_id(), "render_id": clip["id"], "key": "c", "content_type": "video/mp4", "sha256": "0" * 64}
        connection.execute(insert(Artifact), row | of_clip | {"created_at": 0.0})
        file = {"content_type": "image/png", "size": 1, "sha256": "0" * 64, "created_at": 0.0}
        owner = {"id": artifact, "project_id": house.theirs.project_id, "name": "scene.png", "key": "i"}
        connection.execute(insert(Input), file | owner)
    webhook, _ = create_webhook(
        house.connections.engine, house.theirs.project_id, "https://example.com/", [EventType.JOB_DONE], 0.0
    )
    test = write_test(house.connections.engine, house.theirs.project_id, webhook.id, 0.0)
    return {"job": job["id"], "render": render["id"], "artifact": artifact, "input": artifact, "video": clip["id"]} | {
        "webhook": webhook.id,
        "board": create_board(house.connections.engine, house.theirs.project_id, "best", 0.0),
        "delivery": test.id,
        "link": create_share_link(
            house.connections.engine,
            house.theirs.project_id,
            None,
            SharedKind.JOB,
            job["id"],
            parameters=True,
            seconds=60,
            now=house.connections.clock(),
        ).id,
    }


ADDRESSES = [
    ("GET", "/api/v1/jobs/{job}"),
    ("GET", "/api/v1/trainings/{job}"),
    ("GET", "/trainings/{job}"),
    ("GET", "/api/v1/scores?scorer=sharpness&job={job}"),
    ("POST", "/api/v1/scores?job={job}"),
    ("GET", "/scores?job={job}"),
    ("GET", "/api/v1/jobs/{job}/renders"),
    ("GET", "/api/v1/jobs/{job}/sheet"),
    ("GET", "/api/v1/jobs/{job}/archive"),
    ("GET", "/api/v1/jobs/{job}/events"),
    ("GET", "/api/v1/jobs/{job}/manifests"),
    ("GET", "/api/v1/jobs/{job}/why"),
    ("GET", "/api/v1/jobs/{job}/intake"),
    ("DELETE", "/api/v1/jobs/{job}"),
    ("POST", "/api/v1/jobs/{job}/restore"),
    ("POST", "/api/v1/jobs/{job}/cancel"),
    ("POST", "/api/v1/jobs/{job}/pause"),
    ("POST", "/api/v1/jobs/{job}/resume"),
    ("POST", "/api/v1/jobs/{job}/class"),
    ("POST", "/api/v1/jobs/{job}/order"),
    ("POST", "/api/v1/jobs/{job}/model"),
    ("POST", "/api/v1/jobs/{job}/keep"),
    ("POST", "/jobs/{job}/keep"),
    ("POST", "/jobs/{job}/drop"),
    ("POST", "/jobs/{job}/pause"),
    ("POST", "/jobs/{job}/resume"),
    ("POST", "/jobs/{job}/front"),
    ("POST", "/jobs/{job}/delete"),
    ("POST", "/jobs/{job}/restore"),
    ("POST", "/jobs/{job}/class"),
    ("GET", "/api/v1/renders/{render}"),
    ("DELETE", "/api/v1/renders/{render}"),
    ("POST", "/api/v1/renders/{render}/restore"),
    ("GET", "/api/v1/renders/{render}/marks"),
    ("PATCH", "/api/v1/renders/{render}/marks"),
    ("GET", "/api/v1/boards/{board}"),
    ("PATCH", "/api/v1/boards/{board}"),
    ("DELETE", "/api/v1/boards/{board}"),
    ("POST", "/api/v1/boards/{board}/renders"),
    ("GET", "/gallery/{render}"),
    ("GET", "/gallery/thumbnails/{artifact}/<digest>"),
    ("GET", "/api/v1/renders/{render}/why"),
    ("POST", "/api/v1/renders/{render}/cancel"),
    ("POST", "/api/v1/renders/{render}/retry"),
    ("GET", "/api/v1/live?job={job}"),
    ("GET", "/jobs/{job}"),
    ("GET", "/jobs/{job}/sheet"),
    ("GET", "/jobs/{job}/archive"),
    ("GET", "/compare?render={render}&render={video}"),
    ("GET", "/renders/{render}"),
    ("GET", "/artifacts/{artifact}"),
    ("GET", "/shared/<secret>/files/{artifact}"),
    ("DELETE", "/api/v1/share-links/{link}"),
    ("POST", "/admin/share-links/{link}/revoke"),
    ("GET", "/api/v1/renders/{render}/preview"),
    ("GET", "/api/v1/renders/{render}/verification"),
    ("POST", "/api/v1/renders/{render}/verification"),
    ("POST", "/api/v1/renders/{render}/input"),
    ("POST", "/renders/{render}/verify"),
    ("POST", "/renders/{render}/start"),
    ("GET", "/api/v1/archive?board={board}"),
    ("GET", "/api/v1/jobs/{job}/set-distances"),
    ("POST", "/api/v1/jobs/{job}/set-distances"),
    ("GET", "/api/v1/set-distances?board={board}"),
    ("POST", "/api/v1/set-distances?board={board}"),
    ("GET", "/renders/{render}/preview"),
    ("GET", "/submit?again={render}"),
    ("GET", "/inputs/{input}/file"),
    ("GET", "/inputs/{input}/thumbnail"),
    ("POST", "/inputs/{input}/remove"),
    ("DELETE", "/api/v1/inputs/{input}"),
    ("GET", "/api/v1/webhooks/{webhook}"),
    ("PATCH", "/api/v1/webhooks/{webhook}"),
    ("DELETE", "/api/v1/webhooks/{webhook}"),
    ("POST", "/api/v1/webhooks/{webhook}/test"),
    ("POST", "/api/v1/webhooks/{webhook}/secret"),
    ("POST", "/admin/webhooks/{webhook}/secret"),
    ("GET", "/api/v1/webhooks/{webhook}/deliveries"),
    ("POST", "/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay"),
    ("GET", "/admin/webhooks/{webhook}"),
    ("POST", "/admin/webhooks/{webhook}"),
    ("POST", "/admin/webhooks/{webhook}/test"),
    ("POST", "/admin/webhooks/{webhook}/remove"),
    ("POST", "/admin/webhooks/{webhook}/deliveries/{delivery}/replay"),
    ("GET", "/v1/videos/{video}"),
    ("GET", "/v1/videos/{video}/content"),
    ("POST", "/v1/videos/{video}/remix"),
    ("DELETE", "/v1/videos/{video}"),
    ("POST", "/jobs/{job}/cancel"),
    ("POST", "/renders/{render}/cancel"),
    ("POST", "/renders/{render}/retry"),
]


#: What is sent to addresses that want something: right, so that only the id can be what is refused.
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/jobs/{job}/class": {"json": {"class": "bulk"}},
    "/api/v1/jobs/{job}/order": {"json": {"place": "front"}},
    "/api/v1/jobs/{job}/model": {"json": {"model": "sprint-demo"}},
    "/api/v1/jobs/{job}/keep": {"json": {"renders": ["018f0000-0000-7000-8000-000000000000"]}},
    "/api/v1/jobs/{job}/set-distances": {"json": FOUND},
    "/api/v1/set-distances?board={board}": {"json": FOUND},
    "/api/v1/scores?job={job}": {"json": {"scorers": ["sharpness"]}},
    "/api/v1/renders/{render}/marks": {"json": {"rating": 5}},
    "/api/v1/boards/{board}": {"json": {"name": "worst"}},
    "/api/v1/boards/{board}/renders": {"json": {"add": ["018f0000-0000-7000-8000-000000000000"]}},
    "/api/v1/webhooks/{webhook}": {"json": {"enabled": False}},
    "/api/v1/webhooks/{webhook}/secret": {"json": {}},
    "/admin/webhooks/{webhook}/secret": {"data": {"keep_seconds": "3600"}},
    "/admin/webhooks/{webhook}": {"data": {"do": "disable"}},
    "/jobs/{job}/keep": {"data": {"render": "018f0000-0000-7000-8000-000000000000"}},
    "/jobs/{job}/class": {"data": {"class": "bulk"}},
    "/v1/videos/{video}/remix": {"json": {"prompt": "a red circle"}},
}


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_what_is_theirs_is_not_found(house: House, their_ids: dict[str, str], method: str, address: str) -> None:
    path = address.format(**their_ids)
    before = house.get(f"/api/v1/jobs/{their_ids['job']}", house.theirs).json
    answer = house.client.open(path, method=method, headers=house.ours.headers, **BODIES.get(address, {}))
    assert answer.status_code == 404, address
    assert house.get(f"/api/v1/jobs/{their_ids['job']}", house.theirs).json == before
    # The same address is there for those it belongs to.
    # Nothing to show yet; that a training is there for its own is in test_trainings_api.py, thumbnails of
    # uploads in test_clips.py, a verification in test_verification.py.
    absent = (
        *("shared", "live", "intake", "preview", "archive", "thumbnails", "v1/jobs/{job}/sheet", "trainings"),
        *("thumbnail", "verification"),
    )
    if method == "GET" and not any(word in address for word in absent):
        assert house.get(path, house.theirs).status_code in (200, 302)


def test_every_address_with_an_id_is_among_those_tried(house: House) -> None:
    tried = {(method, address.partition("?")[0]) for method, address in ADDRESSES}
    for rule in house.app.url_map.iter_rules():
        for name in ("job", "render", "artifact", "input", "video", "webhook", "board", "link"):
            if f"<{name}_id>" in rule.rule:
                for method in (rule.methods or set()) & {"GET", "POST", "PATCH", "DELETE"}:
                    assert (method, re.sub(r"<(\w+)_id>", r"{\1}", rule.rule)) in tried, rule


def test_lists_hold_nothing_of_theirs(house: House, their_ids: dict[str, str]) -> None:
    assert house.get("/api/v1/jobs").json["items"] == []
    assert their_ids["job"] not in house.get("/jobs").get_data(as_text=True)


def test_an_artists_workers_page_shows_no_error_texts_since_they_may_quote_other_projects(house: House) -> None:
    engine, worker = house.connections.engine, new_id()
    sign_on(engine, worker_id=worker, pool="sana-demo-local", model="sana-demo", host="h", pid=1, now=0.0)
    now = house.connections.clock()
    beat(engine, WorkerReport(worker, last_error="failed on the prompt of somebody"), now=now)

    def errors(who: Any) -> list[str | None]:
        return [item["last_error"] for item in house.get("/api/v1/workers", who).json["items"]]

    assert errors(house.ours) == ["failed on the prompt of somebody"]  # an operator
    assert errors(house.theirs) == [None]
    assert "somebody" not in house.get("/workers", house.theirs).get_data(as_text=True)
