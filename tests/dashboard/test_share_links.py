"""Share links: what people without an account see of a project, and until when."""

import io
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import c2pa
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select, update

from dashboard.http import share_link_rate_limit
from dashboard.sharing.bare_files import UnknownFile, without_metadata
from farm.database import read, write
from farm.provenance.credentials import Claim, Signer
from farm.provenance.source_type import GENERATED
from farm.redaction import Redaction
from farm.settings import Settings
from farm.tables import Artifact, AuditEntry, ShareLink
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.visiting import PAGE, sign_in, token_of
from tests.signing import MakeSigning, make_signing
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.image_file import STILLS
from workers.outputs.video_file import CLIPS

__all__ = ["make_signing"]  # a fixture
TOLD = EmbeddedMetadata("a very secret prompt", {"parameters": {"prompt": "a very secret prompt"}})


def make(house: House, **asked: Any) -> dict[str, Any]:
    answer = house.post("/api/v1/share-links", json={"seconds": 3600, **asked})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    made: dict[str, Any] = answer.json
    return made


def path_of(made: dict[str, Any]) -> str:
    return "/shared/" + made["url"].rpartition("/")[2]


def text_of(house: House, path: str) -> str:
    answer = house.client.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return str(answer.get_data(as_text=True))


def test_a_link_shows_its_pictures_to_anybody_and_nothing_else_of_the_project(house: House) -> None:
    job = house.submit(prompt=["a very secret prompt", "another"], seed=5)
    other = house.submit(prompt="of another job")
    finish_everything(house.connections)
    one, two = house.renders(job["id"])
    [apart] = house.renders(other["id"])
    made = make(house, kind="render", target=one["id"])

    page = text_of(house, path_of(made))
    files = {kind: next(f["id"] for f in one["artifacts"] if f["kind"] == kind) for kind in ("output", "thumbnail")}
    assert f"{path_of(made)}/files/{files['output']}" in page
    for untold in ("a very secret prompt", job["id"], two["id"], "ours", "csrf-token", ">Jobs<"):
        assert untold not in page, untold
    answer = house.client.get(path_of(made), headers=PAGE)
    assert answer.headers["X-Robots-Tag"].startswith("noindex")
    assert answer.headers["Cache-Control"] == "no-store"
    # Neither other files, nor those of other renders, nor anything by another address
    for render in (two, apart):
        for artifact in render["artifacts"]:
            assert house.client.get(f"{path_of(made)}/files/{artifact['id']}").status_code == 404
    assert house.client.get(f"/artifacts/{files['output']}").status_code == 401
    assert house.client.post(path_of(made)).status_code == 405

    # With the parameters they are told; of a job all that is done, of a board what is on it
    told = text_of(house, path_of(make(house, kind="job", target=job["id"], parameters=True)))
    assert "a very secret prompt" in told
    assert "another" in told
    board = house.post("/api/v1/boards", json={"name": "best of the secret"}).json["id"]
    on_board = path_of(make(house, kind="board", target=board))
    assert "Nothing to see here yet" in text_of(house, on_board)
    house.post(f"/api/v1/boards/{board}/renders", json={"add": [two["id"]]})
    assert text_of(house, on_board).count("<li>") == 1
    assert "best of the secret" not in text_of(house, on_board)
    # What is deleted is not shown any more
    assert house.client.delete(f"/api/v1/renders/{two['id']}", headers=house.ours.headers).status_code == 200
    assert "<li>" not in text_of(house, on_board)


def test_a_link_ends_by_its_time_or_when_it_is_revoked_and_says_so(house: House) -> None:
    job = house.submit()
    finish_everything(house.connections)
    [render] = house.renders(job["id"])
    output = next(f["id"] for f in render["artifacts"] if f["kind"] == "thumbnail")
    late, revoked = (make(house, kind="job", target=job["id"], seconds=60) for _ in range(2))
    with write(house.connections.engine) as connection:
        connection.execute(update(ShareLink).where(ShareLink.id == late["id"]).values(expires_at=1.0))
    address = f"/api/v1/share-links/{revoked['id']}"
    assert house.client.delete(address, headers=house.theirs.headers).status_code == 404
    for _ in range(2):
        assert house.client.delete(address, headers=house.ours.headers).status_code == 204
    for made in (late, revoked):
        answer = house.client.get(path_of(made), headers=PAGE)
        assert answer.status_code == 410
        assert "ask whoever gave it to you for a new one" in answer.get_data(as_text=True)
        assert answer.headers["X-Robots-Tag"].startswith("noindex")
        assert house.client.get(f"{path_of(made)}/files/{output}").json["type"] == "/problems/link-ended"
    listed = house.get("/api/v1/share-links").json["items"]
    assert {one["id"]: one["state"] for one in listed} == {late["id"]: "expired", revoked["id"]: "revoked"}
    assert house.get("/api/v1/share-links", house.theirs).json["items"] == []
    with read(house.connections.engine) as connection:
        of_links = select(AuditEntry.action).where(AuditEntry.target == revoked["id"]).order_by(AuditEntry.id)
        assert list(connection.scalars(of_links)) == ["share_link.created", "share_link.revoked"]


def test_the_secret_of_a_link_is_kept_nowhere_and_masked_in_logs(house: House) -> None:
    job = house.submit()
    made = make(house, kind="job", target=job["id"])
    secret = path_of(made).removeprefix("/shared/")
    with read(house.connections.engine) as connection:
        kept = [*connection.execute(select(ShareLink)), *connection.execute(select(AuditEntry))]
    assert secret not in repr(kept)
    assert secret not in house.get("/api/v1/share-links").get_data(as_text=True)
    assert secret not in Redaction().text(f"GET /shared/{secret}/files/x")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"kind": "render", "target": "JOB"}, 404),  # no render
        ({"kind": "job", "target": "THEIRS"}, 404),
        ({"kind": "render", "target": "RENDER"}, 404),  # not done
        ({"kind": "user", "target": "JOB"}, 422),
        ({"kind": "job", "target": "JOB", "seconds": 5}, 422),
        ({"kind": "job", "target": "JOB", "seconds": 400 * 86_400}, 422),
        ({"kind": "job", "target": "nonsense"}, 404),
    ],
)
def test_only_what_is_ones_own_can_be_shown(house: House, asked: dict[str, Any], status: int) -> None:
    job = house.submit()
    ids = {
        "JOB": job["id"],
        "THEIRS": house.submit(house.theirs)["id"],
        "RENDER": house.renders(job["id"])[0]["id"],
    }
    body = {"seconds": 3600, **asked, "target": ids.get(asked["target"], asked["target"])}
    assert house.post("/api/v1/share-links", json=body).status_code == status


def test_whoever_guesses_addresses_has_to_wait(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(house, kind="job", target=house.submit()["id"])
    for _ in range(share_link_rate_limit.MISSES):
        assert house.client.get("/shared/lf_nothing").status_code == 404
    answer = house.client.get("/shared/lf_nothing")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert house.client.get(path_of(made)).status_code == 429
    elsewhere = house.client.get(path_of(made), environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code == 200


def test_a_job_of_many_renders_is_shown_page_by_page(house: House) -> None:
    job = house.submit(prompt="one", seeds=list(range(130)))
    finish_everything(house.connections)
    path = path_of(make(house, kind="job", target=job["id"]))
    first, second, third = (text_of(house, path + query) for query in ("", "?after=59", "?after=119"))
    assert [page.count("<li>") for page in (first, second, third)] == [60, 60, 10]
    assert 'rel="next"' not in third
    assert text_of(house, f"{path}?after=x").count("<li>") == 60


def test_people_make_list_and_revoke_links_on_a_page(house: House) -> None:
    job = house.submit()
    visitor = sign_in(house)
    address = f"/admin/share-links?kind=job&target={job['id']}"
    form = {"csrf_token": token_of(visitor, address), "kind": "job", "target": job["id"], "seconds": "3600"}
    assert visitor.post("/admin/share-links", data=form | {"until": "2001-01-01"}).status_code == 422
    made = visitor.post("/admin/share-links", data=form)
    assert made.status_code == 201
    assert "http://localhost/shared/lf_" in made.get_data(as_text=True)
    [link] = house.get("/api/v1/share-links").json["items"]
    gone = visitor.post(f"/admin/share-links/{link['id']}/revoke", data=form, follow_redirects=True)
    assert "shows nothing any more" in gone.get_data(as_text=True)
    assert "/shared/lf_" not in gone.get_data(as_text=True)


def test_without_parameters_files_are_sent_without_what_they_tell(live_house: House) -> None:
    job = live_house.submit()
    finish_everything(live_house.connections, stored=True)
    [render] = live_house.renders(job["id"])
    output = next(f["id"] for f in render["artifacts"] if f["kind"] == "output")
    with read(live_house.connections.engine) as connection:
        key = connection.scalar(select(Artifact.key).where(Artifact.id == output))
    stored = STILLS["png"](Image.new("RGB", (8, 8), (1, 2, 3)), TOLD, None)
    assert b"very secret" in stored
    live_house.connections.storage.put(str(key), stored, "image/png")

    bare = live_house.client.get(f"{path_of(make(live_house, kind='job', target=job['id']))}/files/{output}")
    assert (bare.status_code, bare.headers["X-Robots-Tag"][:7]) == (200, "noindex")
    assert b"very secret" not in bare.data
    assert Image.open(io.BytesIO(bare.data)).getpixel((0, 0)) == (1, 2, 3)
    whole = live_house.client.get(
        f"{path_of(make(live_house, kind='job', target=job['id'], parameters=True))}/files/{output}"
    )
    assert whole.status_code == 302
    assert "X-Amz-Expires=300" in whole.headers["Location"]


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_a_picture_is_the_same_without_its_metadata(form: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    data = STILLS[form](Image.fromarray(noise), TOLD, 90)
    bare = without_metadata(data, f"image/{form}")
    assert len(bare) < len(data)
    assert b"secret" not in bare.replace(b"\0", b"")
    same = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in (data, bare)]
    assert np.array_equal(*same)


@pytest.mark.parametrize("form", ["webp", "gif", "mp4"])
def test_a_clip_is_the_same_without_its_metadata(form: str, tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (5, 32, 32, 3), dtype=np.uint8)
    data = CLIPS[form](frames, 8, TOLD, 80)
    bare = without_metadata(data, "video/mp4" if form == "mp4" else f"image/{form}")
    assert b"secret" in data.replace(b"\0", b"")
    assert b"secret" not in bare.replace(b"\0", b"")
    if form == "mp4":
        assert _decoded(data, tmp_path) == _decoded(bare, tmp_path)
        return
    seen = []
    for content in (data, bare):
        clip = Image.open(io.BytesIO(content))
        pictures = []
        for number in range(clip.n_frames):  # type: ignore[attr-defined]
            clip.seek(number)
            pictures.append(np.asarray(clip.convert("RGB")))
        seen.append(np.stack(pictures))
    assert np.array_equal(*seen)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "gif", "mp4"])
def test_of_credentials_nothing_is_left_that_a_reader_calls_invalid(form: str, make_signing: MakeSigning) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    data = STILLS[form](Image.fromarray(frames[0]), TOLD, 90) if form in STILLS else CLIPS[form](frames, 8, TOLD, 80)
    content_type = "video/mp4" if form == "mp4" else f"image/{form}"
    signer = Signer.open(Settings.model_validate(make_signing().settings()), time.time())
    assert signer is not None
    signed = signer.sign(data, content_type, Claim(GENERATED, "a-secret-model"), time.time())
    assert b"a-secret-model" in signed
    bare = without_metadata(signed, content_type)
    assert b"secret" not in bare.replace(b"\0", b"")
    with pytest.raises(c2pa.C2paError.ManifestNotFound):
        c2pa.Reader(content_type, io.BytesIO(bare))


def _decoded(clip: bytes, folder: Path) -> str:
    """The MD5 of each frame, as ffmpeg reads it."""
    path = folder / "clip.mp4"
    path.write_bytes(clip)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "framemd5", "-"]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert len([line for line in told.splitlines() if not line.startswith("#")]) == 5
    return told


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"RIFF", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 9), b"\xff\xd8\xff"]
)
def test_what_is_no_such_file_is_not_shown(data: bytes) -> None:
    for kind in ("image/gif", "image/jpeg", "image/webp", "video/mp4", "image/avif", "text/html"):
        if data or kind != "video/mp4":  # nothing is a film of nothing
            with pytest.raises(UnknownFile):
                without_metadata(data, kind)
