"""What is downloaded is what the farm stored, or it is not there."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import stamina

from farm.client import Artifact, DownloadIncomplete, FarmClient, Render
from farm.client.files.file_names import file_name
from tests.farm.scripted_farm import KEY, Said, ScriptedFarm, a_render, file_of, scripted_farm

PICTURE = bytes(range(256)) * 4000  # about a megabyte: several chunks


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=6):
        yield


@pytest.fixture
def storage() -> Iterator[ScriptedFarm]:
    """Where the links point: another address than the farm's."""
    with scripted_farm() as storage:
        yield storage


def offer(farm: ScriptedFarm, *renders: dict[str, object]) -> None:
    farm.on("GET /api/v1/jobs/j1/renders", Said({"items": list(renders), "next_cursor": None}))


def test_files_come_in_the_order_of_the_renders_under_safe_names(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    contents = [b"first", b"second", b"third"]
    for index, content in enumerate(contents):
        storage.on(f"GET /{index}", file_of(content))
    offer(farm, *(a_render(f"{storage.url}/{i}", content, index=i) for i, content in enumerate(contents)))
    told: list[Path] = []

    paths = client.download("j1", tmp_path / "new" / "folder", on_file=told.append)

    assert [path.read_bytes() for path in paths] == contents
    assert [path.name for path in paths] == [f"{i:05d}-{i:08d}.png" for i in range(3)]
    assert told == paths


def test_the_key_of_the_farm_never_reaches_the_storage(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    storage.on("GET /0", file_of(b"first"))
    offer(farm, a_render(f"{storage.url}/0", b"first"))

    client.download("j1", tmp_path)

    assert all("authorization" not in heard.headers for heard in storage.heard)
    assert farm.heard[0].headers["authorization"] == f"Bearer {KEY}"


def test_what_is_there_and_right_is_not_fetched_again_and_what_is_wrong_is(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    for index in range(2):
        storage.on(f"GET /{index}", file_of(PICTURE))
    offer(farm, *(a_render(f"{storage.url}/{index}", PICTURE, index=index) for index in range(2)))
    paths = client.download("j1", tmp_path)
    paths[1].write_bytes(PICTURE[:-1] + b"!")
    storage.heard.clear()

    client.download("j1", tmp_path)

    assert [heard.path for heard in storage.heard] == ["/1"]
    assert paths[1].read_bytes() == PICTURE


def test_half_a_file_goes_on_where_it_stopped(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    # Given a line that goes dead in the middle of the file, twice
    storage.on("GET /0", file_of(PICTURE, only_first=300_000), file_of(PICTURE, only_first=300_000), file_of(PICTURE))
    offer(farm, a_render(f"{storage.url}/0", PICTURE))

    [path] = client.download("j1", tmp_path)

    assert path.read_bytes() == PICTURE
    starts = [heard.headers.get("range") for heard in storage.heard]
    assert len(starts) == 3
    assert starts[0] is None
    assert all(start and start != "bytes=0-" for start in starts[1:])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "rotten",
    [PICTURE[:-1] + b"!", PICTURE + b"more", PICTURE[:-1]],
    ids=["another byte", "too long", "too short"],
)
def test_rotten_files_are_thrown_away_and_the_others_are_kept(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path, rotten: bytes
) -> None:
    storage.on("GET /0", file_of(rotten))
    storage.on("GET /1", file_of(PICTURE))
    offer(farm, *(a_render(f"{storage.url}/{index}", PICTURE, index=index) for index in range(2)))

    with pytest.raises(DownloadIncomplete) as incomplete:
        client.download("j1", tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["00001-00000001.png"]
    assert [fault.field for fault in incomplete.value.faults] == ["00000-00000000.png"]
    assert "sha256" in str(incomplete.value)
    # And when the storage is well again, the same call brings what is missing.
    storage.on("GET /0", file_of(PICTURE))
    assert len(client.download("j1", tmp_path)) == 2


def test_a_half_file_of_something_else_does_no_harm(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    storage.on("GET /0", file_of(PICTURE))
    offer(farm, a_render(f"{storage.url}/0", PICTURE))
    (tmp_path / "00000-00000000.png.part").write_bytes(b"something else")

    [path] = client.download("j1", tmp_path)

    assert path.read_bytes() == PICTURE


def test_an_outworn_link_is_renewed(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    storage.on("GET /old", Said({}, 403))
    storage.on("GET /new", file_of(PICTURE))
    offer(farm, a_render(f"{storage.url}/old", PICTURE, render_id="r1"))
    farm.on("GET /api/v1/renders/r1", Said(a_render(f"{storage.url}/new", PICTURE, render_id="r1")))

    [path] = client.download("j1", tmp_path)

    assert path.read_bytes() == PICTURE


def test_what_the_storage_refuses_is_said_without_the_signed_link(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    storage.on("GET /0", Said({}, 404))
    offer(farm, a_render(f"{storage.url}/0?X-Amz-Signature=secret", PICTURE))

    with pytest.raises(DownloadIncomplete, match="HTTP status 404") as incomplete:
        client.download("j1", tmp_path)
    assert "secret" not in str(incomplete.value)


def test_only_the_kinds_asked_for_are_fetched(
    farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path
) -> None:
    render = a_render(f"{storage.url}/0", PICTURE)
    manifest = {
        "kind": "manifest",
        "content_type": "application/json",
        "size": 2,
        "sha256": sha256(b"{}").hexdigest(),
        "url": f"{storage.url}/1",
    }
    render["artifacts"].append(manifest)
    storage.on("GET /1", file_of(b"{}"))
    offer(farm, render, a_render("", b"", index=1, status="failed", artifacts=[]))

    [path] = client.download("j1", tmp_path, kinds=["manifest"])

    assert path.name == "00000-00000000.manifest.json"
    assert path.read_bytes() == b"{}"


def test_an_empty_file_is_a_file(farm: ScriptedFarm, storage: ScriptedFarm, client: FarmClient, tmp_path: Path) -> None:
    storage.on("GET /0", file_of(b""))
    offer(farm, a_render(f"{storage.url}/0", b""))

    [path] = client.download("j1", tmp_path)

    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("render_id", "kind", "content_type"),
    [("../../etc/passwd", "output", "image/png"), ("r/\0\n\u202e", "../x", "x/../../y"), ("", "", "")],
)
def test_nothing_that_a_farm_says_leads_out_of_the_folder(render_id: str, kind: str, content_type: str) -> None:
    render = Render(id=render_id, job_id="j1", index=-5, status="done")
    artifact = Artifact(kind=kind, content_type=content_type, size=1, sha256="", url="")

    name = file_name(render, artifact)

    assert Path(name).name == name
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith(".")
