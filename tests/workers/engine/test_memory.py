"""Memory that runs out: while a render begins, in a pass, in a sampler's own step, while decoding. No step is lost."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workers.orders import batch, order, pixels_of, render, run, tiny_family
from tests.workers.trouble import batch_sizes, failures, trouble
from workers.denoising.track import Track
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import MemoryFits, Rendered


@pytest.fixture
def family() -> Family:
    return tiny_family("sana")


def test_out_of_memory_splits_the_pass_and_is_remembered(family: Family, tmp_path: Path) -> None:
    # Given a device that holds two tracks at once,
    tried: list[int] = []

    def small(tracks: Sequence[Track]) -> Exception | None:
        tried.append(len(tracks))
        return torch.OutOfMemoryError("CUDA out of memory") if len(tracks) > 2 else None

    trouble(family, "predict", small)
    # when five render together,
    orders = [order(family, f"r{number}", seed=number) for number in range(5)]
    said = render(family, tmp_path, orders)
    # then all come out, no pass had more than two rows,
    assert len(pixels_of(said)) == 5
    assert all(size <= 2 for sizes in batch_sizes(said).values() for size in sizes)
    # and after the first step nothing larger was tried again.
    assert max(tried[6:]) == 2


def test_the_worker_hears_how_many_renders_memory_allows(family: Family, tmp_path: Path) -> None:
    trouble(
        family,
        "predict",
        lambda tracks: torch.OutOfMemoryError("CUDA out of memory") if len(tracks) > 2 else None,
    )
    said = render(family, tmp_path, [order(family, f"r{place}") for place in range(4)])
    assert [message for message in said if isinstance(message, MemoryFits)] == [MemoryFits(32, 32, 1, 2)]


def test_out_of_memory_while_decoding_splits_too(family: Family, tmp_path: Path) -> None:
    trouble(family, "decode", lambda tracks: MemoryError() if len(tracks) > 1 else None)
    said = render(family, tmp_path, [order(family, name) for name in ("a", "b", "c")])
    assert pixels_of(said).keys() == {"a", "b", "c"}
    assert {message.decode_batch_size for message in said if isinstance(message, Rendered)} == {1}


def test_out_of_memory_in_a_samplers_own_step_is_made_up_for(family: Family, tmp_path: Path) -> None:
    # Given a sampler that runs out of memory half-way through its third step, when it has changed what it remembers,
    expected = pixels_of(render(tiny_family("sana"), tmp_path, [order(family, sampler="dpm++-2m-sde")]))["r1"]
    advance, tries = family.advance, []

    def short(track: Track, prediction: torch.Tensor) -> None:
        advance(track, prediction)
        tries.append(track.step)
        if tries == [1, 2, 3]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    family.advance = short  # type: ignore[method-assign]
    # when the render goes on,
    said = render(family, tmp_path, [order(family, sampler="dpm++-2m-sde")])
    # then that step was taken once more, from where it began.
    assert tries == [1, 2, 3, 3, 4]
    assert (pixels_of(said)["r1"] == expected).all()


def test_decoding_beside_the_steps_gives_the_same_and_takes_turns_where_memory_is_short_for_both(
    family: Family, tmp_path: Path
) -> None:
    orders = [order(family, name, num_inference_steps=steps) for name, steps in (("short", 2), ("long", 9))]
    expected = pixels_of(render(tiny_family("sana"), tmp_path, orders))
    decode, threads = family.decode, []

    def watched(tracks: Sequence[Track]) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        if len(threads) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(tracks)

    family.decode = watched  # type: ignore[method-assign]
    engine = Engine(family, tmp_path, decode_beside=True)
    engine.admit(batch(orders))
    found = pixels_of(run(engine))
    assert threads == [False, True, True]
    assert all((found[name] == expected[name]).all() for name in ("short", "long"))


def test_a_render_for_which_there_is_no_memory_yet_waits_until_another_is_done(family: Family, tmp_path: Path) -> None:
    # Given a device that can hold two renders,
    engine = Engine(family, tmp_path)
    encode, inside = family.encode, set()

    def full(prepared: Any) -> Any:
        if len(inside) >= 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        inside.add(prepared.order.render_id)
        return encode(prepared)

    family.encode = full  # type: ignore[method-assign]
    # when three come,
    engine.admit(batch([order(family, f"r{number}") for number in range(3)]))
    said = []
    while not engine.idle:
        for message in engine.step():
            said.append(message)
            if isinstance(message, Rendered):
                inside.discard(message.render_id)
    # then the third begins when another has left, and nobody fails.
    assert pixels_of(said).keys() == {"r0", "r1", "r2"}
    assert batch_sizes(said) == {"r0": [2] * 4, "r1": [2] * 4, "r2": [1] * 4}


def test_a_render_that_does_not_fit_even_alone_says_so(family: Family, tmp_path: Path) -> None:
    trouble(family, "predict", lambda tracks: torch.OutOfMemoryError("CUDA out of memory"))
    said = render(family, tmp_path, [order(family)])
    assert "out of memory, though it was alone" in failures(said)["r1"].reason


def test_a_render_for_which_there_is_no_host_memory_to_be_parked_steps_on(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family)]))
    said = run(engine, steps=2)

    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("workers.engine.parked_tracks.each_tensor", full)
    assert engine.park(["r1"]).render_ids == []
    assert "r1" in pixels_of(said + run(engine))
