"""Disks that fill up under a dashboard: the one of its uploads, and the one of its database."""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, event

from tests.dashboard.conftest import House
from tests.small_disks import small_disk

#: Larger than what a form keeps in memory, and than the disk.
SIDE = 600


@pytest.fixture
def picture() -> bytes:
    """A PNG of a megabyte."""
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def as_body(house: House, picture: bytes) -> Any:
    return house.post("/api/v1/inputs?name=noise.png", data=picture, content_type="image/png")


def as_form(house: House, picture: bytes) -> Any:
    fields = {"prompt": "a red circle", "model": "sana-demo"}
    # Written by httpx, since the test client would write it to the disk.
    sent = httpx.Request("POST", "http://farm", data=fields, files={"image": ("noise.png", picture, "image/png")})
    return house.post("/v1/images/edits", data=sent.read(), content_type=sent.headers["Content-Type"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # for the file that werkzeug leaves open
@pytest.mark.parametrize("limit", ["size=64k", "nr_inodes=1"])
@pytest.mark.parametrize("send", [as_body, as_form])
def test_an_upload_for_which_a_dashboard_has_no_room_is_refused_for_the_moment(
    send: Callable[[House, bytes], Any],
    limit: str,
    live_house: House,
    picture: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with small_disk(tmp_path / "full", limit) as folder:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        refused = send(live_house, picture)
        assert refused.status_code == 503, refused.get_data(as_text=True)
        assert "no room" in refused.get_data(as_text=True)
        assert list(folder.iterdir()) == [], "nothing of it is left"
    monkeypatch.setattr(tempfile, "tempdir", None)

    assert as_body(live_house, picture).status_code == 201
    assert len(live_house.get("/api/v1/inputs").json["items"]) == 1


@contextmanager
def no_more_pages(engine: Engine) -> Iterator[None]:
    """SQLite answers as on a full disk to whatever needs another page."""

    def limit(connection: Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # it becomes what there is

    event.listen(engine, "connect", limit)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


def test_a_submission_for_which_the_database_has_no_room_is_refused_whole_and_sent_again_is_one_job(
    house: House,
) -> None:
    asked = {"model": "sana-demo", "prompt": [f"a red circle, {'large ' * 25}{number}" for number in range(400)]}
    once = {"Idempotency-Key": "the-same"}

    with no_more_pages(house.connections.engine):
        refused = house.post("/api/v1/jobs", json=asked, headers=once)
        assert refused.status_code == 503, refused.get_data(as_text=True)
        assert house.get("/api/v1/jobs").json["items"] == []

    assert house.post("/api/v1/jobs", json=asked, headers=once).status_code == 201
    [job] = house.get("/api/v1/jobs").json["items"]
    assert job["total"] == 400
