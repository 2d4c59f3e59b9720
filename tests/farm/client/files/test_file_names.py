"""Files are called as their user wishes, never outside the folder, and never two of them alike."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.client import FarmClient, Render
from farm.client.files.file_names import FIELDS, NamePattern, safe_name
from farm.errors import InvalidRequest
from tests.farm.scripted_farm import KEY, Said, ScriptedFarm, a_render, file_of, scripted_farm


def place(pattern: str, kind: str = "output", **parameters: Any) -> str:
    render = Render.model_validate(
        a_render("", b"", index=7, render_id="0198-abcd-11112222", parameters={"prompt": "a red circle"} | parameters)
    )
    [artifact] = render.artifacts or []
    return str(NamePattern(pattern).place(render, artifact.model_copy(update={"kind": kind})))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{job}-{index}-{seed}.{ext}", "j1-7-3.png"),
        ("{job}/{index:04d}", "j1/0007.png"),
        ("{prompt}.{ext}", "a_red_circle.png"),
        ("plates/{width}x{height}/{steps}-{id}.{ext}", "plates/64xNone/20-11112222.png"),
        ("fixed", "fixed.png"),
    ],
)
def test_a_pattern(pattern: str, name: str) -> None:
    assert place(pattern, seed=3, width=64, num_inference_steps=20) == name


def test_files_that_are_no_outputs_say_what_they_are() -> None:
    assert place("{seed}.{ext}", "thumbnail", seed=3) == "3.thumbnail.png"
    assert place("{seed}", "thumbnail", seed=3) == "3.thumbnail.png"
    assert place("{kind}/{seed}.{ext}", "thumbnail", seed=3) == "thumbnail/3.png"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("../{seed}", "inside the folder"),
        ("/tmp/{seed}", "inside the folder"),
        ("a/../../{seed}", "inside the folder"),
        ("..\\{seed}", "inside the folder"),
        ("", "inside the folder"),
        ("{seed}/", "inside the folder"),
        ("{seeds}", r"\{seeds\} is not known; there are job, index"),
        ("{job.__class__}", "is not known"),
        ("{index:999999999d}", "is no format"),
        ("{index:{seed}}", "is no format"),
        ("{index", "is no pattern"),
        ("{prompt:04d}", "is no pattern"),
        ("{seed:c}", "is no pattern"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(pattern: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        place(pattern, seed=2**64 - 1)


@given(st.text(max_size=300), st.sampled_from(["{prompt}", "{prompt}/{prompt}", "a{prompt}b/{seed}"]))
def test_no_value_leads_out_of_the_folder(prompt: str, pattern: str) -> None:
    path = PurePosixPath(place(pattern, prompt=prompt, seed=prompt))
    assert len(path.parts) == pattern.count("/") + 1
    for part in path.parts:
        assert part not in (".", "..")
        assert len(part.encode()) <= 255
        assert not any(unicodedata.category(sign) == "Cc" or sign in '/\\:*?"<>|' for sign in part)


@pytest.mark.parametrize("name", ["con", "NUL.txt", "com¹", "LPT³.png", "..", ".", "", " . "])
def test_names_that_mean_something_else_are_changed(name: str) -> None:
    assert safe_name(name).startswith("_")


@pytest.fixture
def farm() -> Iterator[ScriptedFarm]:
    """A farm with three renders of one seed, the first of which is not done yet."""
    with scripted_farm() as farm:
        contents = [b"first", b"second", b"third"]
        for index, content in enumerate(contents):
            farm.on(f"GET /{index}", file_of(content))
        done = [a_render(f"/{index}", content, index=index) for index, content in enumerate(contents)]
        waiting = {**done[0], "status": "pending", "artifacts": None}
        route = "GET /api/v1/jobs/j1/renders"
        farm.on(
            route,
            *(Said({"items": items, "next_cursor": None}) for items in ([waiting, *done[1:]], done)),
        )
        yield farm


def test_names_that_collide_are_numbered_and_keep_their_files(farm: ScriptedFarm, tmp_path: Path) -> None:
    mine = tmp_path / "1.png"
    mine.write_bytes(b"a file of somebody")
    with FarmClient(farm.url, KEY) as client:
        before = client.download("j1", tmp_path, names="{seed}.{ext}")
        assert [path.name for path in before] == ["1-2.png", "1-3.png"]
        fetched = len(farm.requests("GET /1")) + len(farm.requests("GET /2"))

        after = client.download("j1", tmp_path, names="{seed}.{ext}", parallel=2)

    assert {path.name: path.read_bytes() for path in after} == {
        "1-2.png": b"second",
        "1-3.png": b"third",
        "1-4.png": b"first",
    }
    assert mine.read_bytes() == b"a file of somebody"
    assert len(farm.requests("GET /1")) + len(farm.requests("GET /2")) == fetched


def test_the_help_names_every_field() -> None:
    assert all(place(f"{{{field}}}", seed=1) for field in FIELDS)
