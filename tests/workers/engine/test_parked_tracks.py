"""Renders that are parked, saved, stopped for a choice or shown, and what comes of them in the end: the same."""

import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.workers import tiny_pipelines
from tests.workers.denoising.test_checkpoint_file import begin, go
from tests.workers.families.test_families import DTYPES
from tests.workers.matrix import matrix, one_in
from tests.workers.orders import (
    KINDS,
    batch,
    family_in,
    order,
    pixels_of,
    render,
    run,
    saved_paths,
    tiny_family,
    watch_latents,
    with_checkpoint,
)
from workers.denoising.samplers import is_stochastic
from workers.denoising.track import Track
from workers.engine.parked_tracks import each_tensor
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import (
    BatchEnded,
    Checkpointed,
    CheckpointsSaved,
    Drafted,
    FromEngine,
    Rendered,
    RenderFailed,
    RenderOrder,
    Stepped,
)

Folders = Callable[[str], Path]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
EVERY_OTHER_KIND = pytest.mark.parametrize("kind", one_in(2, [(kind,) for kind in KINDS]))  # in `make test`
#: Each kind with its default sampler, and in bfloat16 with one that takes two passes for a step or draws noise.
DIVIDED = [
    *((kind, tiny_pipelines.SAMPLERS[name][0], "float32") for kind, (name, _) in KINDS.items()),
    ("sana", "heun", "float32"),
    ("sana", "dpm++-2m-sde", "bfloat16"),
    ("sana-controlnet", "heun", "bfloat16"),
    ("sana-video", "dpm++-2m-sde", "bfloat16"),
    ("sana-video from a picture", "heun", "bfloat16"),
    ("sprint", "scm", "bfloat16"),
    ("sprint from a picture", "scm", "bfloat16"),
    ("wan", "heun", "bfloat16"),
    ("wan-i2v", "dpm++-2m-sde", "bfloat16"),
    ("wan-flf2v", "heun", "bfloat16"),
    ("wan-vace of a clip", "dpm++-2m-sde", "bfloat16"),
    ("wan-animate in segments", "heun", "bfloat16"),
    ("wan22", "heun", "bfloat16"),
    ("wan22-i2v", "dpm++-2m-sde", "bfloat16"),
    ("wan22-ti2v from a picture", "heun", "bfloat16"),
]


@pytest.fixture
def family() -> Family:
    return tiny_family("sana")


def draws(name: str) -> str:
    """A sampler of that family that draws noise at each step."""
    return next(sampler for sampler in tiny_pipelines.SAMPLERS[name] if is_stochastic(sampler))


def traces(said: list[FromEngine]) -> dict[str, list[int]]:
    return {m.render_id: [step.batch_size for step in m.trace] for m in said if isinstance(m, Rendered | Drafted)}


@matrix(kind=list(KINDS), dtype=DTYPES)
def test_parked_renders_take_no_part_and_then_go_on_to_the_bit(
    kind: str, dtype: str, tiny_folder: Folders, tmp_path: Path
) -> None:
    # Given what two renders become together, never interrupted,
    name, asked = KINDS[kind]
    steps = asked | {"num_inference_steps": 4}
    family = family_in(dtype, name, tiny_folder)
    orders = [order(family, "a", **steps), order(family, "b", seed=12, **steps | {"sampler": draws(name)})]
    seen = watch_latents(family)
    render(family, tmp_path, orders)
    expected = dict(seen)
    # when they are parked after their second step while an urgent one is rendered, and then resumed,
    engine = Engine(family, tmp_path)
    engine.admit(batch(orders))
    said = run(engine, steps=4)
    assert engine.park(["a", "b", "unknown"]).render_ids == ["a", "b"]
    assert engine.idle
    engine.admit(batch([order(family, "urgent", **steps)], "b2"))
    while not engine.idle:
        said += engine.step()
    assert pixels_of(said).keys() == {"urgent"}
    assert engine.resume(["a", "b", "unknown"]).render_ids == ["a", "b"]
    said += run(engine)
    # then all passes had the sizes that they would have had, and the results are the same to the bit.
    passes = len(traces(said)["a"])
    assert traces(said) == {"urgent": [1] * passes, "a": [2] * passes, "b": [2] * passes}
    assert all(torch.equal(seen[each], expected[each]) for each in "ab")
    assert [m.batch_id for m in said if isinstance(m, BatchEnded)] == ["b2", "b1"]


@torch.no_grad()
@EVERY_KIND
def test_no_tensor_of_a_parked_render_stays_behind(kind: str) -> None:
    # Given a render in the midst of its steps, with all that its sampler and its picture have it remember,
    name, asked = KINDS[kind]
    family = tiny_family(name)
    sampler = {} if name == "sprint" else {"sampler": "heun"}
    track = go(family, begin(family, **asked, num_inference_steps=4, **sampler), 1)
    before = tensors_of(track)
    # when each tensor that parking finds is replaced by a copy,
    each_tensor(track, torch.clone)
    # then it holds as many as before, and none that it held.
    after = tensors_of(track)
    assert len(after) == len(before) > 3
    assert not {id(tensor) for tensor in after} & {id(tensor) for tensor in before}


def tensors_of(track: Track) -> list[torch.Tensor]:
    """All that can be reached from a track, wherever it keeps them."""
    found: list[torch.Tensor] = []

    class Walk(pickle.Pickler):
        def persistent_id(self, reached: Any) -> str | None:
            if isinstance(reached, torch.Tensor):
                found.append(reached)
            return "left out" if isinstance(reached, torch.Tensor | torch.Generator) else None

    Walk(io.BytesIO()).dump(track)
    return found


def test_one_that_has_not_begun_can_be_parked_and_one_that_is_finished_cannot(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, "short", num_inference_steps=1), order(family, "waits")]))
    list(engine.step())
    assert engine.park(["waits"]).render_ids == ["waits"]
    list(engine.step())  # its only pass
    assert engine.park(["short"]).render_ids == []
    said = run(engine)
    assert pixels_of(said).keys() == {"short"}
    engine.resume(["waits"])
    assert pixels_of(run(engine)).keys() == {"waits"}


def test_a_parked_render_can_be_dropped_and_its_batch_ends(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family)]))
    run(engine, steps=2)
    engine.park(["r1"])
    engine.drop("r1")
    assert [type(message) for message in run(engine)] == [BatchEnded]
    assert engine.resume(["r1"]).render_ids == []


@matrix(kind=list(KINDS), dtype=DTYPES)
def test_another_engine_goes_on_from_checkpoints_to_the_bit_in_a_batch(
    kind: str, dtype: str, tiny_folder: Folders, tmp_path: Path
) -> None:
    # Given what some renders become together,
    name, asked = KINDS[kind]
    steps = asked | {"num_inference_steps": 4}
    changes: list[dict[str, Any]] = [
        steps,
        steps | {"guidance_scale": 1.0},
        steps | {"sampler": draws(name)},
        steps | {"sampler": "scm" if name == "sprint" else "heun"},
    ]

    def orders(family: Family) -> list[RenderOrder]:
        return [order(family, f"r{number}", seed=number, **change) for number, change in enumerate(changes)]

    first = family_in(dtype, name, tiny_folder)
    seen = watch_latents(first)
    undisturbed = traces(render(first, tmp_path, orders(first)))
    expected = dict(seen)
    # when an engine saves them after two steps and is gone,
    engine = Engine(first, tmp_path, weights="w")
    engine.admit(batch(orders(first)))
    run(engine, steps=len(changes) + 2)
    while any(track.step < 2 for track in engine._tracks.values()):  # of two experts, each has its turn
        run(engine, steps=1)
    if dtype == "bfloat16":  # and parked renders are saved as well
        engine.park([ordered.render_id for ordered in orders(first)])
    paths = saved_paths(engine)
    # and another is given the checkpoints,
    second = family_in(dtype, name, tiny_folder)
    seen = watch_latents(second)
    engine = Engine(second, tmp_path, weights="w")
    engine.admit(batch([with_checkpoint(ordered, paths[ordered.render_id]) for ordered in orders(second)]))
    said = run(engine)
    # then it goes on from there, and the results are the same to the bit.
    rendered = [message for message in said if isinstance(message, Rendered)]
    assert {(message.attempt, message.first_step) for message in rendered} == {(2, 2)}
    assert traces(said) == undisturbed
    assert all(torch.equal(seen[each], expected[each]) for each in expected)


def test_a_checkpoint_is_said_for_each_that_has_taken_a_step_and_then_that_it_is_all(
    family: Family, tmp_path: Path
) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, "a"), order(family, "b")]))
    run(engine, steps=3)  # both are begun and have taken a step
    engine.admit(batch([order(family, "new")], "b2"))
    said = list(engine.save_checkpoints(None))
    assert [(m.render_id, m.step, m.steps) for m in said if isinstance(m, Checkpointed)] == [("a", 1, 4), ("b", 1, 4)]
    assert said[-1] == CheckpointsSaved(["a", "b"])
    assert list(saved_paths(engine, ["b", "unknown"])) == ["b"]
    shutil.rmtree(tmp_path)
    assert list(engine.save_checkpoints(None)) == [CheckpointsSaved([])]


def test_a_checkpoint_of_a_render_that_only_has_to_be_decoded_saves_its_steps(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family)]))
    run(engine, steps=5)
    path = saved_paths(engine)["r1"]
    expected = pixels_of(run(engine))["r1"]
    another = Engine(family, tmp_path)
    another.admit(batch([with_checkpoint(order(family), path)]))
    said = run(another)
    assert not any(step.phase == "stepping" for m in said if isinstance(m, Stepped) for step in m.steps)
    assert np.array_equal(pixels_of(said)["r1"], expected)


def test_with_a_checkpoint_of_something_else_it_begins_anew(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, seed=5)]))
    run(engine, steps=3)
    path = saved_paths(engine)["r1"]
    expected = render(family, tmp_path, [order(family)])
    said = render(family, tmp_path, [with_checkpoint(order(family), path)])
    assert np.array_equal(pixels_of(said)["r1"], pixels_of(expected)["r1"])
    assert [message.first_step for message in said if isinstance(message, Rendered)] == [0]


@pytest.mark.parametrize(("kind", "sampler", "dtype"), one_in(3, DIVIDED))
def test_a_draft_is_shown_and_going_on_from_it_gives_the_undivided_render(
    kind: str, sampler: str, dtype: str, tiny_folder: Folders, tmp_path: Path
) -> None:
    # Given a render that was never divided,
    name, asked = KINDS[kind]
    family = family_in(dtype, name, tiny_folder)
    changes = asked | {"num_inference_steps": 4, "sampler": sampler}
    said = render(family, tmp_path, [order(family, **changes)])
    expected, steps = pixels_of(said)["r1"], len(traces(said)["r1"])
    # when it stops at its second step, a neighbour not,
    orders = [order(family, stop_at_step=2, **changes), order(family, "neighbour", **changes)]
    said = render(family, tmp_path, orders)
    # then the neighbour is rendered and the draft is a picture of its own,
    assert pixels_of(said).keys() == {"neighbour"}
    draft = next(message for message in said if isinstance(message, Drafted))
    assert (draft.step, draft.steps) == (4 if sampler == "heun" else 2, steps)
    assert len(draft.trace) == draft.step
    picture = np.load(draft.pixels_path)
    shown = expected[: orders[0].frames] if expected.ndim == 4 else expected  # of a clip in segments the first
    assert picture.shape == shown.shape
    assert not np.array_equal(picture, shown)
    # and going on from it, in passes of the same sizes, gives what was never divided.
    alone = render(family, tmp_path, [order(family, stop_at_step=2, **changes)])
    draft = next(message for message in alone if isinstance(message, Drafted))
    kept = order(family, **changes)  # who is kept is asked no more to stop
    another = family_in(dtype, name, tiny_folder)
    said = render(another, tmp_path, [with_checkpoint(kept, draft.checkpoint_path)])
    assert np.array_equal(pixels_of(said)["r1"], expected)
    assert [message.first_step for message in said if isinstance(message, Rendered)] == [draft.step]


@EVERY_OTHER_KIND
def test_a_draft_whose_worker_went_before_it_was_settled_is_shown_by_the_next_and_waits_for_the_choice(
    kind: str, tmp_path: Path
) -> None:
    # Given a render that has stopped, and whose draft waits for the VAE as its worker saves all it has,
    name, asked = KINDS[kind]
    changes = asked | {"num_inference_steps": 4}
    family = tiny_family(name)
    whole = pixels_of(render(family, tmp_path, [order(family, **changes)]))["r1"]
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, stop_at_step=2, **changes)]))
    run(engine, steps=3)
    path = saved_paths(engine)["r1"]
    [shown] = [np.load(message.pixels_path) for message in run(engine) if isinstance(message, Drafted)]
    # when another worker is given what was saved, with the choice still to come,
    second = tiny_family(name)
    said = render(second, tmp_path, [with_checkpoint(order(second, stop_at_step=2, **changes), path)])
    # then it takes no step, and shows what the first would have shown;
    assert not [message for message in said if isinstance(message, Rendered)]
    [draft] = [message for message in said if isinstance(message, Drafted)]
    assert (draft.attempt, draft.step, draft.first_step, len(draft.trace)) == (2, 2, 2, 2)
    assert np.array_equal(np.load(draft.pixels_path), shown)
    # and going on from there gives the undivided render.
    said = render(second, tmp_path, [with_checkpoint(order(second, **changes), draft.checkpoint_path)])
    assert np.array_equal(pixels_of(said)["r1"], whole)


def test_with_a_checkpoint_beyond_its_draft_it_begins_anew_rather_than_pass_the_choice(
    family: Family, tmp_path: Path
) -> None:
    for taken in (2, 3):
        engine = Engine(family, tmp_path)
        engine.admit(batch([order(family)]))
        run(engine, steps=1 + taken)
        path = saved_paths(engine)["r1"]
        said = render(family, tmp_path, [with_checkpoint(order(family, stop_at_step=2), path)])
        assert [(m.step, m.first_step) for m in said if isinstance(m, Drafted)] == [(2, 0)]


def test_a_draft_that_is_dropped_leaves_no_file(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, stop_at_step=1)]))
    run(engine, steps=2)
    assert list(tmp_path.iterdir())
    engine.drop("r1")
    run(engine)
    assert not list(tmp_path.iterdir())


def test_a_draft_whose_state_cannot_be_kept_is_no_fault_of_the_render(family: Family, tmp_path: Path) -> None:
    said = render_in(tmp_path / "gone", family, stop_at_step=1)
    assert [message.own_fault for message in said if isinstance(message, RenderFailed)] == [False]


def render_in(spool: Path, family: Family, **changes: Any) -> list[FromEngine]:
    engine = Engine(family, spool)
    engine.admit(batch([order(family, **changes)]))
    return run(engine)
