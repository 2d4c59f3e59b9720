"""The step loop: who steps when, what one render's trouble costs the others, and that nothing is lost or doubled."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from tests.workers.orders import batch, order, pixels_of, render, run, tiny_family
from tests.workers.trouble import batch_sizes, failures, trouble
from workers.denoising.fault_isolation import DeviceLost
from workers.denoising.track import Track
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import BatchEnded, RenderBatch, Rendered, RenderOrder, Stepped


@pytest.fixture
def family() -> Family:
    return tiny_family("sana")


@pytest.mark.parametrize("part", ["predict", "decode"])
def test_a_poison_render_fails_alone_with_its_reason(family: Family, tmp_path: Path, part: str) -> None:
    # Given a render whose own pass (or decoding) raises whoever is in it,
    def poison(tracks: Sequence[Track]) -> Exception | None:
        found = any(track.order.render_id == "poison" for track in tracks)
        return RuntimeError("the kernel choked") if found else None

    trouble(family, part, poison)
    # when it is rendered in a batch,
    said = render(family, tmp_path, [order(family, name) for name in ("a", "poison", "b")])
    # then the others are rendered without losing a step, and it alone is blamed.
    assert pixels_of(said).keys() == {"a", "b"}
    assert failures(said).keys() == {"poison"}
    assert failures(said)["poison"].own_fault
    assert "the kernel choked" in failures(said)["poison"].reason
    assert all(len(sizes) == 4 for sizes in batch_sizes(said).values())


def test_renders_that_join_under_the_same_batch_are_awaited_with_it(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(RenderBatch("b1", [order(family, "first")]))
    said = [*engine.step(), *engine.step()]
    engine.admit(RenderBatch("b1", [order(family, "joins")]))
    while not engine.idle:
        said += engine.step()
    assert {message.render_id for message in said if isinstance(message, Rendered)} == {"first", "joins"}
    assert [message.batch_id for message in said if isinstance(message, BatchEnded)] == ["b1"]
    assert isinstance(said[-1], BatchEnded)


def test_the_seconds_of_a_pass_are_those_of_all_its_rows(family: Family, tmp_path: Path) -> None:
    said = render(family, tmp_path, [order(family, "r1"), order(family, "r2")])
    for message in said:
        if isinstance(message, Rendered):
            assert message.pass_seconds == pytest.approx(2 * message.seconds["steps"] / len(message.trace))


def test_a_render_that_is_dropped_while_it_is_decoded_is_not_heard_of(family: Family, tmp_path: Path) -> None:
    # Given a decode that goes on until it may end,
    began, may_end, decode = threading.Event(), threading.Event(), family.decode

    def slow(tracks: Sequence[Track]) -> Any:
        began.set()
        assert may_end.wait(240)
        return decode(tracks)

    family.decode = slow  # type: ignore[method-assign]
    engine = Engine(family, tmp_path, decode_beside=True)
    engine.admit(batch([order(family, "dropped", num_inference_steps=1), order(family, "other")]))
    said = run(engine, steps=4)
    assert began.wait(240)
    # when its render is dropped and the other has stepped on,
    engine.drop("dropped")
    said += run(engine, steps=2)
    may_end.set()
    # then only the other is rendered.
    said += run(engine)
    assert pixels_of(said).keys() == {"other"}
    assert not failures(said)


def test_a_render_that_cannot_begin_fails_alone(family: Family, tmp_path: Path) -> None:
    said = render(family, tmp_path, [order(family, "bad", sampler="lcm"), order(family, "good")])
    assert pixels_of(said).keys() == {"good"}
    assert "unknown sampler 'lcm'" in failures(said)["bad"].reason


def test_an_output_that_is_not_numbers_is_a_failure_and_spares_its_neighbours(family: Family, tmp_path: Path) -> None:
    """NaN in one track's guidance: everything it computes is NaN from the first step on."""
    alone = render(tiny_family("sana"), tmp_path, [order(family, "a"), order(family, "b")])
    said = render(family, tmp_path, [order(family, "a"), order(family, "nan", guidance_scale=3e38)])
    assert "not numbers" in failures(said)["nan"].reason
    assert (pixels_of(said)["a"] == pixels_of(alone)["a"]).all()


def test_a_full_spool_blames_the_machine_and_not_the_render(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path / "gone")
    engine.admit(batch([order(family)]))
    failure = failures(run(engine))["r1"]
    assert not failure.own_fault
    assert "spool" in failure.reason


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_told_apart_and_its_neighbour_is_rendered(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    (tmp_path / "r1-1.npy").symlink_to("/dev/full")  # each write into it finds no room
    engine.admit(batch([order(family), order(family, "r2")]))
    said = run(engine)
    failure = failures(said)["r1"]
    assert (failure.disk_full, failure.own_fault) == (True, False)
    assert pixels_of(said).keys() == {"r2"}
    assert [path.name for path in tmp_path.iterdir()] == ["r2-1.npy"]


def test_a_full_disk_under_latents_is_told_apart_too(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """safetensors (0.7) says what the system said in words alone."""

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("workers.engine.spool.save_latents", full)
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, keep_latents=True)]))
    assert failures(run(engine))["r1"].disk_full
    assert not list(tmp_path.iterdir())


def test_a_full_disk_under_a_draft_is_told_apart_too(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("workers.denoising.checkpoint_file.save_file", full)
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, stop_at_step=1)]))
    failure = failures(run(engine))["r1"]
    assert (failure.disk_full, failure.own_fault) == (True, False)
    assert not list(tmp_path.iterdir())


def test_a_lost_device_is_nobodys_failure(family: Family, tmp_path: Path) -> None:
    trouble(family, "predict", lambda tracks: torch.AcceleratorError("CUDA error: unspecified launch failure"))
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family)]))
    with pytest.raises(DeviceLost, match="launch failure"):
        run(engine)


def test_a_finished_render_is_delivered_while_others_go_on(family: Family, tmp_path: Path) -> None:
    said = render(
        family,
        tmp_path,
        [order(family, "short", num_inference_steps=2), order(family, "long", num_inference_steps=8)],
    )
    delivered = next(n for n, message in enumerate(said) if isinstance(message, Rendered))
    assert said[delivered].render_id == "short"
    later = [step.step for message in said[delivered:] if isinstance(message, Stepped) for step in message.steps]
    assert later[0] < 8


def bulk_and_an_urgent_one(family: Family) -> list[RenderOrder]:
    """Two that are finished early, and an urgent one that needs longer."""
    bulk = [replace(order(family, name, num_inference_steps=2), class_rank=1) for name in ("bulk 1", "bulk 2")]
    return [*bulk, order(family, "urgent", num_inference_steps=8)]


def test_an_urgent_render_does_not_wait_for_the_pixels_of_others(family: Family, tmp_path: Path) -> None:
    said = render(family, tmp_path, bulk_and_an_urgent_one(family))
    delivered = [message for message in said if isinstance(message, Rendered)]
    assert [message.render_id for message in delivered] == ["urgent", "bulk 1", "bulk 2"]
    assert [message.decode_batch_size for message in delivered] == [1, 2, 2]


def test_an_urgent_render_is_decoded_before_others_begin(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, "urgent", num_inference_steps=1)], "b1"))
    run(engine, steps=2)
    engine.admit(batch([replace(order(family, "bulk"), class_rank=1)], "b2"))
    said = run(engine)
    assert isinstance(said[0], Rendered)
    assert [message.render_id for message in said if isinstance(message, Rendered)] == ["urgent", "bulk"]


def test_finished_renders_do_not_give_way_for_ever(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.engine.decode.GIVE_WAY_SECONDS", 0.0)
    said = render(family, tmp_path, bulk_and_an_urgent_one(family))
    delivered = [message.render_id for message in said if isinstance(message, Rendered)]
    assert delivered == ["bulk 1", "bulk 2", "urgent"]


def test_shapes_that_cannot_share_a_pass_take_turns(family: Family, tmp_path: Path) -> None:
    said = render(family, tmp_path, [order(family, "a"), order(family, "b", width=64)])
    turns = [
        message.steps[0].render_id for message in said if isinstance(message, Stepped) and message.steps[0].step > 0
    ]
    assert turns == ["a", "b"] * 4


def test_a_deterministic_render_shares_no_pass_whoever_else_is_there(family: Family, tmp_path: Path) -> None:
    said = render(
        family, tmp_path, [order(family, "alone", deterministic=True), order(family, "a"), order(family, "b")]
    )
    assert batch_sizes(said) == {"alone": [1] * 4, "a": [2] * 4, "b": [2] * 4}
    decoded = {message.render_id: message.decode_batch_size for message in said if isinstance(message, Rendered)}
    assert decoded["alone"] == 1


def test_a_newer_attempt_takes_the_place_of_the_old_one(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family)], "b1"))
    said = run(engine, steps=2)
    engine.admit(batch([order(family, attempt=2)], "b2"))
    said += run(engine)
    assert [message.attempt for message in said if isinstance(message, Rendered)] == [2]
    assert [message.batch_id for message in said if isinstance(message, BatchEnded)] == ["b1", "b2"]


def test_a_word_about_an_attempt_does_not_drop_the_newer_one(family: Family, tmp_path: Path) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, attempt=2)]))
    said = run(engine, steps=2)
    engine.drop("r1", 1)
    said += run(engine)
    assert [message.attempt for message in said if isinstance(message, Rendered)] == [2]
    engine.admit(batch([order(family, attempt=2)]))
    engine.drop("r1", 2)
    assert not any(isinstance(message, Rendered) for message in run(engine))


def test_gpu_seconds_are_shared_out_and_not_counted_twice(family: Family, tmp_path: Path) -> None:
    said = render(family, tmp_path, [order(family, f"r{number}") for number in range(4)])
    parts = [message.gpu_seconds for message in said if isinstance(message, Rendered)]
    ended = next(message for message in said if isinstance(message, BatchEnded))
    assert all(part > 0 for part in parts)
    assert sum(parts) <= ended.seconds
