"""'Download all': the outputs of a job as one ZIP file, made while it is sent."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from dashboard.archive import archive as archives
from dashboard.archive.zip_stream import ZipStream
from farm.database import write
from farm.errors import StorageDown
from farm.tables import Artifact
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.visiting import PAGE, sign_in, token_of

REPORT = archives.REPORT


def _archive(house: House, job_id: str, query: str = "") -> zipfile.ZipFile:
    answer = house.get(f"/api/v1/jobs/{job_id}/archive{query}")
    assert (answer.status_code, answer.content_type) == (200, "application/zip"), answer.get_data(as_text=True)
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    assert archive.testzip() is None
    return archive


@pytest.fixture
def job_id(live_house: House) -> str:
    """A job of six renders, of which the third is cancelled."""
    found: str = live_house.submit(seeds=[1, 2, 3, 4, 5, 6], title="Six / circles")["id"]
    live_house.post(f"/api/v1/renders/{live_house.renders(found)[2]['id']}/cancel")
    Drawer(live_house.connections, "sana-demo-local").draw_everything()
    return found


def _keys(house: House, job_id: str) -> list[str]:
    folder = f"projects/{house.ours.project_id}/jobs/{job_id}/"
    return sorted(key for key in house.connections.storage.list(folder) if key.endswith("output.png"))


def test_an_archive_holds_every_finished_output_under_names_of_the_persons_own(live_house: House, job_id: str) -> None:
    house = live_house
    archive = _archive(house, job_id, "?name={seed}/{index:03d}.{ext}")
    assert archive.namelist() == ["1/000.png", "2/001.png", "4/003.png", "5/004.png", "6/005.png"]
    stored = [hashlib.sha256(house.connections.storage.get(key)).hexdigest() for key in _keys(house, job_id)]
    assert [hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()] == stored
    assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    # Names that are the same are numbered, as `farm download` does it; a part of a job has its own archive.
    assert _archive(house, job_id, "?name=same").namelist() == ["same.png", *(f"same-{n}.png" for n in range(2, 6))]
    part = _archive(house, job_id, "?name={index}&after=0&limit=2")
    assert part.namelist() == ["1.png", "3.png", REPORT]
    assert "after=3" in part.read(REPORT).decode()
    # The page has the same file, under the job's title.
    visitor = sign_in(house)
    assert "Download all" in visitor.get(f"/jobs/{job_id}", headers=PAGE).get_data(as_text=True)
    answer = visitor.get(f"/jobs/{job_id}/archive", headers=PAGE)
    assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''Six_circles-{job_id[-8:]}.zip"
    wrong = visitor.get(f"/jobs/{job_id}/archive?name=../x", headers=PAGE)
    assert (wrong.status_code, wrong.mimetype) == (422, "text/html")


def test_a_broken_file_is_left_out_and_said_inside(
    live_house: House, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an output that is gone, and one whose bytes are not those that were rendered
    house = live_house
    storage, keys = house.connections.storage, _keys(live_house, job_id)
    storage.delete([keys[0]])
    storage.put(keys[1], b"something else", "image/png")
    archive = _archive(house, job_id, "?name={seed}")
    assert archive.namelist() == ["4.png", "5.png", "6.png", REPORT]
    said = archive.read(REPORT).decode()
    assert "1.png: it is not in the storage any more" in said
    assert "2.png: what is stored is not what was rendered" in said

    # When the storage goes away in the middle, then the archive is whole, and says how to go on,
    get = storage.pieces

    def down(key: str) -> Iterator[bytes]:
        if key in keys[4:]:
            raise StorageDown("It does not answer.")
        yield from get(key)

    monkeypatch.setattr(archives, "_AT_ONCE", 1)
    monkeypatch.setattr(storage, "pieces", down)
    short = _archive(house, job_id, "?name={seed}")
    assert short.namelist() == ["4.png", "5.png", REPORT]
    assert "Ask for the rest with after=4" in short.read(REPORT).decode()
    # and where nothing was sent yet, that is an answer of its own.
    assert house.get(f"/api/v1/jobs/{job_id}/archive?after=4").status_code == 503


def test_no_archive_of_what_is_not_there_not_ones_own_or_deleted(live_house: House, job_id: str) -> None:
    house = live_house
    assert house.get(f"/api/v1/jobs/{job_id}/archive", house.theirs).status_code == 404
    assert house.get(f"/api/v1/jobs/{house.submit()['id']}/archive").status_code == 409
    answer = house.get(f"/api/v1/jobs/{job_id}/archive?name={{colour}}")
    assert (answer.status_code, "{colour} is not known" in answer.get_data(as_text=True)) == (422, True)
    assert house.client.delete(f"/api/v1/jobs/{job_id}", headers=house.ours.headers).status_code in (200, 202, 204)
    deleted = house.get(f"/api/v1/jobs/{job_id}/archive")
    assert (deleted.status_code, "Restore it" in deleted.get_data(as_text=True)) == (409, True)


def test_an_archive_of_many_files_has_the_records_of_zip64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)  # 65,535
    stream = ZipStream(1_700_000_000.0)
    sent = [b"".join(stream.add(f"{number}.txt", 3, [b"a", b"bc"])) for number in range(4)]
    assert all(sent)  # nothing is kept back until the end
    whole = b"".join([*sent, *stream.end()])
    assert b"PK\x06\x06" in whole
    assert zipfile.ZipFile(io.BytesIO(whole)).read("3.txt") == b"abc"


def test_what_the_gallery_shows_or_has_chosen_is_one_file_under_prompts_and_seeds(
    live_house: House, job_id: str
) -> None:
    house = live_house
    house.submit(prompt="a blue square", seed=7)
    Drawer(house.connections, "sana-demo-local").draw_everything()
    renders = {one["parameters"]["seed"]: one["id"] for one in house.get("/api/v1/renders").json["items"]}

    def archive(path: str, status: int = 200) -> list[str]:
        answer = house.get(path)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return zipfile.ZipFile(io.BytesIO(answer.data)).namelist() if status == 200 else []

    # Newest first, of all jobs, as the filters find; those of other projects not
    path = "/api/v1/archive"
    assert archive(f"{path}?name={{seed}}") == [f"{seed}.png" for seed in (7, 6, 5, 4, 2, 1)]
    assert archive(f"{path}?text=square") == [f"a_blue_square-7-{renders[7][-8:]}.png"]
    part = archive(f"{path}?name={{seed}}&before={renders[5]}&limit=2")
    assert part == ["4.png", "2.png", REPORT]
    archive(f"{path}?text=nothing", 409)
    archive(f"{path}?model=sana-dem", 422)
    assert house.get(path, house.theirs).status_code == 409

    # The page's link gives the same, its button what is chosen
    visitor = sign_in(house)
    page = visitor.get("/gallery?text=blue", headers=PAGE).get_data(as_text=True)
    assert 'href="/gallery/archive?text=blue"' in page
    found = visitor.get("/gallery/archive?text=blue", headers=PAGE)
    assert re.fullmatch(r"attachment; filename\*=UTF-8''gallery-[\d-]{10}\.zip", found.headers["Content-Disposition"])
    assert visitor.get("/gallery/archive?rating=9", headers=PAGE).status_code == 422
    form = {"csrf_token": token_of(visitor, "/gallery"), "render": [renders[6], renders[1], renders[6]]}
    chosen = visitor.post("/gallery/archive", data=form, headers=PAGE)
    names = zipfile.ZipFile(io.BytesIO(chosen.data)).namelist()
    assert [name.split("-")[1] for name in names] == ["6", "1"]
    theirs = sign_in(house, house.theirs)
    form["csrf_token"] = token_of(theirs, "/gallery")
    assert theirs.post("/gallery/archive", data=form, headers=PAGE).status_code == 404


def test_renders_that_keep_no_output_are_passed_over(live_house: House, job_id: str) -> None:
    house = live_house
    ids = [one["id"] for one in house.get("/api/v1/renders").json["items"]]
    with write(house.connections.engine) as connection:
        lost = Artifact.render_id.in_(ids[:2])
        connection.execute(delete(Artifact).where(lost, Artifact.kind == "output"))
    answer = house.get("/api/v1/archive?name={seed}")
    assert zipfile.ZipFile(io.BytesIO(answer.data)).namelist() == ["4.png", "2.png", "1.png"]
