"""Uploaded clips over HTTP and on their page: sent once, listed with their frames, offered by the form, kept."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.dashboard.conftest import House
from tests.dashboard.test_inputs import png, upload
from tests.dashboard.visiting import sign_in, token_of
from tests.workers.pictures import moving_bar, write_clip

MODEL = "wan21-vace-1300m"


@pytest.fixture
def stored(live_house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with an object storage, and with a pool for a model that follows clips."""
    pools = live_house.connections.catalog.pools
    ours = pools["wan-demo-local"].model_copy(update={"name": "vace", "model": MODEL, "memory_gb": None})
    monkeypatch.setitem(pools, "vace", ours)
    return live_house


@pytest.fixture
def mp4(tmp_path: Path) -> bytes:
    """Nine frames at 16 a second."""
    path = tmp_path / "clip.mp4"
    write_clip(path, moving_bar(frames=9))
    return path.read_bytes()


def submit(house: House, **given: Any) -> Any:
    asked = {"model": MODEL, "prompt": "a fox", "num_frames": 9, "width": 128, "height": 128, **given}
    return house.post("/api/v1/jobs", json=asked)


def test_a_clip_is_stored_once_with_its_frames_and_kept_while_a_job_needs_it(stored: House, mp4: bytes) -> None:
    # Given a clip and a picture,
    sent = upload(stored, mp4, "pose.mp4")
    assert (sent.status_code, sent.json["content_type"]) == (201, "video/x-matroska")
    assert {name: sent.json[name] for name in ("width", "height", "frames", "frame_rate")} == {
        "width": 48,
        "height": 40,
        "frames": 9,
        "frame_rate": 16.0,
    }
    assert upload(stored, mp4, "again.mp4").json["id"] == sent.json["id"]
    picture = upload(stored, png()).json
    assert (picture["frames"], picture["frame_rate"]) == (None, None)
    # when a job follows them,
    answer = submit(stored, video=sent.json["id"], mask=picture["id"], reference_images=[picture["id"]])
    assert answer.status_code == 201, answer.json
    job = answer.json["job"]
    # then its render keeps them with their hashes and the rate,
    [render] = stored.renders(job["id"])
    kept = render["parameters"]
    assert kept["video"]["sha256"] == sent.json["sha256"]
    assert (kept["video"]["frames"], kept["video"]["frame_rate"]) == (9, 16.0)
    assert kept["reference_images"][0]["sha256"] == picture["sha256"]
    assert stored.connections.storage.get(kept["video"]["key"])
    # and neither can be removed before it has ended.
    for named in (sent.json["id"], picture["id"]):
        assert stored.client.delete(f"/api/v1/inputs/{named}", headers=stored.ours.headers).status_code == 409
    stored.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert stored.client.delete(f"/api/v1/inputs/{sent.json['id']}", headers=stored.ours.headers).status_code == 200


def test_clips_of_others_are_not_there(stored: House, mp4: bytes) -> None:
    theirs = upload(stored, mp4, "pose.mp4", who=stored.theirs).json["id"]
    answer = submit(stored, video=theirs, reference_images=[theirs])
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/video", "/reference_images/0"]


def test_what_is_no_good_clip_is_refused_in_words(stored: House, mp4: bytes) -> None:
    answer = upload(stored, mp4[: len(mp4) // 2], "pose.mp4")
    assert (answer.status_code, answer.json["errors"][0]["detail"]) == (
        422,
        "the clip is broken; save it again and send that",
    )


def test_the_pages_list_a_clip_and_the_form_takes_it(stored: House, mp4: bytes) -> None:
    # Given a clip and two pictures, sent on the page,
    visitor = sign_in(stored)
    for name, data in (("pose.mp4", mp4), ("one.png", png()), ("two.png", png((0, 0, 255)))):
        form = {"csrf_token": token_of(visitor, "/inputs"), "picture": (io.BytesIO(data), name)}
        assert visitor.post("/inputs", data=form).status_code == 303
    text = visitor.get("/inputs").get_data(as_text=True)
    assert "48 × 40, 9 frames, 16 a second" in text
    # the clip with its first frame, which a browser fetches once and keeps,
    rows = {item["name"]: item["id"] for item in stored.get("/api/v1/inputs").json["items"]}
    small = {name: f"/inputs/{id_}/thumbnail" for name, id_ in rows.items()}
    assert sorted(re.findall(r'src="(/inputs/[^"]+)"', text)) == sorted(small.values())
    shown = visitor.get(small["pose.mp4"])
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
    assert "immutable" in shown.headers["Cache-Control"]
    with Image.open(io.BytesIO(shown.data)) as frame:
        assert frame.size == (48, 40)
    assert visitor.get(f"/inputs/{rows['pose.mp4']}/file").status_code == 302
    # when the form of a model that follows clips is filled in with all of them,
    page = visitor.get(f"/submit?model={MODEL}").get_data(as_text=True)
    assert "pose.mp4 (48 × 40, 9 frames)" in page
    references = page.partition('name="reference_images"')[2].partition("</select>")[0]
    assert "one.png" in references
    assert "pose.mp4" not in references
    typed = {
        "csrf_token": token_of(visitor, f"/submit?model={MODEL}"),
        "model": MODEL,
        "prompt": "a fox",
        "size": "832x480",
        "num_frames": "9",
        "video": rows["pose.mp4"],
        "reference_images": [rows["one.png"], rows["two.png"]],
    }
    sent = visitor.post("/submit", data=typed)
    # then the job has them in their order,
    assert sent.status_code == 303, sent.get_data(as_text=True)
    job_id = sent.headers["Location"].rpartition("/")[2]
    [render] = stored.renders(job_id)
    assert render["parameters"]["video"]["id"] == rows["pose.mp4"]
    assert [kept["name" if "name" in kept else "id"] for kept in render["parameters"]["reference_images"]] == [
        rows["one.png"],
        rows["two.png"],
    ]
    # and both the form of that render and a preset have them chosen again.
    again = visitor.get(f"/submit?again={render['id']}").get_data(as_text=True)
    kept = visitor.post("/presets", data={**typed, "preset_name": "foxes"})
    for page in (again, visitor.get(kept.headers["Location"]).get_data(as_text=True)):
        for name in rows.values():
            assert f'<option value="{name}" selected>' in page
