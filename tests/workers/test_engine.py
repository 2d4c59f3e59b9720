"""The step loop: who steps when, what one render's trouble costs the others, and that nothing is lost or doubled."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.orders import batch, order, pixels_of, render, run, tiny_family, watch_latents
from workers.companies import DeviceLost
from workers.engine import Engine
from workers.families.base import Family, Track
from workers.protocol import BatchEnded, FromEngine, MemoryFits, RenderBatch, Rendered, RenderFailed, Stepped


@pytest.fixture
def family() -> Family:
    return tiny_family("sana")


def trouble(family: Family, part: str, raised: Callable[[Sequence[Track]], Exception | None]) -> None:
    """Make one part of the family raise where `raised` gives an error for the tracks it is called with."""
    real = getattr(family, part)

    def troubled(tracks: Sequence[Track]) -> Any:
        if error := raised(tracks):
            raise error
        return real(tracks)

    setattr(family, part, troubled)


def failures(said: Sequence[FromEngine]) -> dict[str, RenderFailed]:
    return {message.render_id: message for message in said if isinstance(message, RenderFailed)}


def batch_sizes(said: Sequence[FromEngine]) -> dict[str, list[int]]:
    return {
        message.render_id: [step.batch_size for step in message.trace]
        for message in said
        if isinstance(message, Rendered)
    }


@pytest.mark.parametrize("part", ["predict", "decode"])
def test_a_poison_render_fails_alone_with_its_reason(family: Family, tmp_path: Path, part: str) -> None:
    # Given a render whose own pass (or decoding) raises whoever is in it,
    def poison(tracks: Sequence[Track]) -> Exception | None:
        found = any(track.order.render_id == "poison" for track in tracks)
        return RuntimeError("the kernel choked") if found else None

    trouble(family, part, poison)
    # when it is rendered in company,
    said = render(family, tmp_path, [order(family, name) for name in ("a", "poison", "b")])
    # then the others are rendered without losing a step, and it alone is blamed.
    assert pixels_of(said).keys() == {"a", "b"}
    assert failures(said).keys() == {"poison"}
    assert failures(said)["poison"].blame
    assert "the kernel choked" in failures(said)["poison"].reason
    assert all(len(sizes) == 4 for sizes in batch_sizes(said).values())


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


def test_out_of_memory_while_decoding_splits_too(family: Family, tmp_path: Path) -> None:
    trouble(family, "decode", lambda tracks: MemoryError() if len(tracks) > 1 else None)
    said = render(family, tmp_path, [order(family, name) for name in ("a", "b", "c")])
    assert pixels_of(said).keys() == {"a", "b", "c"}
    assert {message.decode_batch_size for message in said if isinstance(message, Rendered)} == {1}


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
    assert not failure.blame
    assert "spool" in failure.reason


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


def test_gpu_seconds_are_shared_out_and_not_counted_twice(family: Family, tmp_path: Path) -> None:
    said = render(family, tmp_path, [order(family, f"r{number}") for number in range(4)])
    parts = [message.gpu_seconds for message in said if isinstance(message, Rendered)]
    ended = next(message for message in said if isinstance(message, BatchEnded))
    assert all(part > 0 for part in parts)
    assert sum(parts) <= ended.seconds


CHANGES: list[dict[str, Any]] = [
    {"num_inference_steps": 1},
    {"sampler": "heun", "num_inference_steps": 3},
    {"sampler": "dpm++-2m-sde", "guidance_scale": 1.0},
    {"sampler": "unipc", "num_inference_steps": 5, "prompt": "a boat"},
    {"width": 64, "num_inference_steps": 2},
]


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> dict[int, torch.Tensor]:
    """Final latents of each kind of CHANGES, rendered alone."""
    spool = tmp_path_factory.mktemp("lone")
    finals = {}
    for kind, changes in enumerate(CHANGES):
        renderer = tiny_family("sana")
        seen = watch_latents(renderer)
        render(renderer, spool, [order(renderer, **changes)])
        finals[kind] = seen["r1"]
    return finals


@settings(max_examples=20, deadline=None)
@given(
    joins=st.lists(
        st.tuples(st.integers(0, len(CHANGES) - 1), st.integers(0, 12), st.none() | st.integers(0, 12)),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_joins_and_leaves_each_render_is_what_it_is_alone(
    joins: list[tuple[int, int, int | None]], lone: dict[int, torch.Tensor], tmp_path_factory: Any
) -> None:
    """joins: for each render its kind, the tick at which it joins, and how many ticks later it is dropped."""
    spool = tmp_path_factory.mktemp("spool")
    family = tiny_family("sana")
    seen = watch_latents(family)
    engine = Engine(family, spool)
    said: list[FromEngine] = []
    dropped: set[str] = set()
    for tick in range(26):
        for number, (kind, joined, stay) in enumerate(joins):
            name = f"r{number}"
            if joined == tick:
                engine.admit(batch([order(family, name, **CHANGES[kind])], f"b{number}"))
            if stay is not None and joined + stay == tick:
                engine.drop(name)
                if name not in pixels_of(said):
                    dropped.add(name)
        said.extend(engine.step())
    said += run(engine)
    names = {f"r{number}" for number in range(len(joins))}
    assert pixels_of(said).keys() == names - dropped
    assert not failures(said)
    ended = [message.batch_id for message in said if isinstance(message, BatchEnded)]
    assert sorted(ended) == [f"b{number}" for number in range(len(joins))]
    for number, (kind, _, _) in enumerate(joins):
        if f"r{number}" not in dropped:
            expected = lone[kind]
            assert (seen[f"r{number}"] - expected).abs().max() <= 1e-5 * expected.abs().max()
    shutil.rmtree(spool)
