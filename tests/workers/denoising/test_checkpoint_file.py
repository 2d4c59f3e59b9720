"""A checkpoint: one file from which a render goes on as if nothing had happened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workers import tiny_pipelines
from tests.workers.matrix import one_in
from tests.workers.orders import KINDS, family_in, order, tiny_family
from tests.workers.pictures import picture_ref
from workers.denoising import checkpoint_file
from workers.denoising.checkpoint_file import BadCheckpoint
from workers.denoising.track import Track
from workers.families.base import Family

Folders = Callable[[str], Path]

#: All kinds of renders with all their samplers; in bfloat16 with those that keep most, or draw noise.
EVERY = [
    (kind, sampler, dtype)
    for kind, (name, _) in KINDS.items()
    for sampler in tiny_pipelines.SAMPLERS[name]
    for dtype in ("float32", "bfloat16")
    if dtype == "float32" or sampler in ("heun", "dpm++-2m-sde", "scm")
]


@torch.no_grad()
def begin(family: Family, **changes: Any) -> Track:
    prepared = family.prepare(order(family, **changes))
    return family.start(prepared, family.encode(prepared))


@torch.no_grad()
def go(family: Family, track: Track, until: int) -> Track:
    while track.step < until:
        family.advance(track, family.predict([track])[0])
    return track


@torch.no_grad()
def restore(family: Family, path: Path, **changes: Any) -> Track:
    ordered = order(family, **changes)
    prepared = family.prepare(ordered)
    return family.restore(prepared, family.encode(prepared), checkpoint_file.load(path, ordered, "weights"))


@pytest.mark.parametrize(("kind", "sampler", "dtype"), one_in(5, EVERY))
def test_after_every_step_of_every_sampler_it_goes_on_to_the_bit(
    kind: str, sampler: str, dtype: str, tiny_folder: Folders, tmp_path: Path
) -> None:
    name, asked = KINDS[kind]
    changes = asked | {"num_inference_steps": 4, "sampler": sampler}
    family = family_in(dtype, name, tiny_folder)
    whole = begin(family, **changes)
    paths = []
    while not whole.finished:
        go(family, whole, whole.step + 1)
        paths.append(tmp_path / f"{whole.step}.safetensors")
        checkpoint_file.save(whole, paths[-1], "weights")
    expected = family.final_latents(whole)
    another = family_in(dtype, name, tiny_folder)  # as in another process
    for step, path in enumerate(paths, 1):
        torch.manual_seed(step)
        track = restore(another, path, **changes)
        assert (track.step, track.first_step, track.steps) == (step, step, whole.steps)
        go(another, track, track.steps)
        assert torch.equal(another.final_latents(track), expected), step


def test_saving_changes_nothing_in_the_track(tmp_path: Path) -> None:
    family = tiny_family("sana")
    saved, untouched = (begin(family, sampler="dpm++-2m-sde") for _ in range(2))
    go(family, saved, 2)
    checkpoint_file.save(saved, tmp_path / "a.safetensors", "weights")
    assert torch.equal(*(go(family, track, track.steps).latents for track in (saved, untouched)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    family = tiny_family("sana")
    found = tmp_path / "saved.safetensors"
    checkpoint_file.save(go(family, begin(family), 2), found, "weights")
    return found


@pytest.mark.parametrize(
    ("changes", "weights", "reason"),
    [
        ({"seed": 12}, "weights", "other parameters"),
        ({"width": 64}, "weights", "other parameters"),
        ({}, "finer weights", "other weights"),
    ],
)
def test_one_of_another_render_or_model_is_refused(
    path: Path, changes: dict[str, Any], weights: str, reason: str
) -> None:
    with pytest.raises(BadCheckpoint, match=reason):
        checkpoint_file.load(path, order(tiny_family("sana"), **changes), weights)


def test_one_of_a_clip_that_begins_with_another_picture_is_refused(tmp_path: Path) -> None:
    family = tiny_family("sana-video")
    checkpoint_file.save(begin(family, image=picture_ref(1)), tmp_path / "a.safetensors", "weights")
    with pytest.raises(BadCheckpoint, match="other parameters"):
        checkpoint_file.load(tmp_path / "a.safetensors", order(family, image=picture_ref(2)), "weights")


def test_a_file_that_is_cut_off_missing_or_something_else_is_refused(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    (tmp_path / "short").write_bytes(whole[: len(whole) // 2])
    save_file({"a": torch.zeros(2)}, tmp_path / "foreign")
    save_file(load_file(path), tmp_path / "halved", metadata={"latent-farm": json.dumps({"format": 1})})
    for name in ("short", "foreign", "halved", "missing"):
        with pytest.raises(BadCheckpoint):
            checkpoint_file.load(tmp_path / name, order(tiny_family("sana")), "weights")


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    family = tiny_family("sana")
    with pytest.raises(OSError, match=r"gone|No such file"):
        checkpoint_file.save(begin(family), tmp_path / "gone" / "a.safetensors", "weights")
    assert not list(tmp_path.iterdir())
