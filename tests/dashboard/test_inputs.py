"""Uploaded pictures over HTTP and on their page: sent, listed, named by a job, removed."""

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from scheduler.maintenance.old_files.remove_uploads import RemoveUploads
from tests.dashboard.conftest import House
from tests.dashboard.visiting import sign_in, token_of

NOBODY = "018f0000-0000-7000-8000-000000000000"
DAY = 86_400.0


def png(colour: tuple[int, int, int] = (255, 0, 0), size: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


def upload(house: House, data: bytes, name: str = "scene.png", **options: Any) -> Any:
    return house.post(f"/api/v1/inputs?name={name}", data=data, content_type="image/png", **options)


def submit_with(house: House, image: str, **more: Any) -> Any:
    asked = {"model": "sprint-demo", "prompt": "a red circle", "image": image, **more}
    return house.post("/api/v1/jobs", json=asked)


@pytest.fixture
def stored(live_house: House) -> House:
    """A house with an object storage."""
    return live_house


def test_a_file_in_a_form_is_refused_by_that_cause(stored: House) -> None:
    form = {"file": (io.BytesIO(png()), "scene.png")}
    refused = stored.post("/api/v1/inputs?name=scene.png", data=form, content_type="multipart/form-data")
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/header/Content-Type")
    assert "send the file alone, as the body" in refused.json["errors"][0]["detail"]


def test_a_picture_is_stored_once_listed_and_removed(stored: House) -> None:
    first = upload(stored, png())
    assert (first.status_code, first.json["name"], first.json["width"]) == (201, "scene.png", 64)
    assert upload(stored, png()).json["id"] == first.json["id"]
    second = upload(stored, png((0, 0, 255)), "other.png").json
    page = stored.get("/api/v1/inputs?limit=1").json
    assert [item["id"] for item in page["items"]] == [second["id"]]
    rest = stored.get(f"/api/v1/inputs?limit=1&cursor={page['next_cursor']}").json
    assert [item["id"] for item in rest["items"]] == [first.json["id"]]
    assert rest["next_cursor"] is None

    gone = stored.client.delete(f"/api/v1/inputs/{second['id']}", headers=stored.ours.headers)

    assert gone.status_code == 200
    assert len(stored.get("/api/v1/inputs").json["items"]) == 1


def test_a_job_names_a_picture_and_keeps_it_complete(stored: House) -> None:
    picture = upload(stored, png()).json

    job = submit_with(stored, picture["id"], strength=0.5).json["job"]

    [render] = stored.renders(job["id"])
    kept = render["parameters"]["image"]
    assert (kept["id"], kept["sha256"]) == (picture["id"], picture["sha256"])
    assert stored.connections.storage.get(kept["key"])
    refused = stored.client.delete(f"/api/v1/inputs/{picture['id']}", headers=stored.ours.headers)
    assert (refused.status_code, refused.json["type"].rpartition("/")[2]) == (409, "conflict")
    stored.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert stored.client.delete(f"/api/v1/inputs/{picture['id']}", headers=stored.ours.headers).status_code == 200


def test_pictures_of_others_are_not_there(stored: House) -> None:
    theirs = upload(stored, png(), who=stored.theirs).json["id"]

    assert stored.get("/api/v1/inputs").json["items"] == []
    assert stored.client.delete(f"/api/v1/inputs/{theirs}", headers=stored.ours.headers).status_code == 404
    for image in (theirs, NOBODY, "scene.png", ""):
        answer = submit_with(stored, image)
        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json["errors"]] == ["/image"]


@pytest.mark.parametrize(("data", "status"), [(b"", 422), (b"no picture", 422), (b"x" * 20_200_000, 413)])
def test_what_is_no_picture_is_refused(house: House, data: bytes, status: int) -> None:
    answer = upload(house, data)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_model_without_pictures_refuses_one(house: House) -> None:
    answer = house.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a red circle", "image": NOBODY})
    assert answer.status_code == 422
    assert "takes no such picture" in answer.json["errors"][0]["detail"]


def test_the_page_takes_shows_and_removes_a_picture(stored: House) -> None:
    visitor = sign_in(stored)
    form = {"csrf_token": token_of(visitor, "/inputs"), "picture": (io.BytesIO(png(size=900)), "scene.png")}

    assert visitor.post("/inputs", data=form).status_code == 303

    page = visitor.get("/inputs").get_data(as_text=True)
    assert "scene.png" in page
    [item] = stored.get("/api/v1/inputs").json["items"]
    assert visitor.get(f"/inputs/{item['id']}/file").status_code == 302
    assert item["id"] in visitor.get("/submit?model=sprint-demo").get_data(as_text=True)
    token = {"csrf_token": token_of(visitor, "/inputs")}
    assert visitor.post(f"/inputs/{item['id']}/remove", data=token).status_code == 303
    wrong = {"csrf_token": token["csrf_token"], "picture": (io.BytesIO(b"text"), "notes.txt")}
    answer = visitor.post("/inputs", data=wrong)
    assert (answer.status_code, "no picture" in answer.get_data(as_text=True)) == (422, True)


def test_of_several_files_each_bad_one_says_why_by_its_name_and_the_good_ones_are_stored(stored: House) -> None:
    visitor = sign_in(stored)
    files = [(io.BytesIO(data), name) for data, name in (
        (png(), "red.png"), (b"text", "notes.txt"), (png((0, 0, 255)), "blue.png"), (b"", "<empty>.png"))]  # fmt: skip

    answer = visitor.post("/inputs", data={"csrf_token": token_of(visitor, "/inputs"), "picture": files})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "2 files are stored." in page
    assert "<b>notes.txt</b>: " in page
    assert "<b>&lt;empty&gt;.png</b>: the file is empty" in page
    assert {item["name"] for item in stored.get("/api/v1/inputs").json["items"]} == {"red.png", "blue.png"}


def test_pictures_go_when_nothing_has_used_them_for_as_long_as_jobs_are_kept(stored: House) -> None:
    _, used = upload(stored, png()).json["id"], upload(stored, png((0, 255, 0))).json["id"]
    assert submit_with(stored, used).status_code == 201
    settings = stored.connections.settings.model_copy(update={"retain_days": 10.0})
    kept = replace(stored.connections, settings=settings)

    RemoveUploads().one_pass(kept, kept.clock() + 11 * DAY)

    assert [item["id"] for item in stored.get("/api/v1/inputs").json["items"]] == [used]
