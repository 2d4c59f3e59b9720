"""Whatever happens to renders on their way, in whichever order, each ends as it would have alone."""

import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.orders import (
    batch,
    order,
    pixels_of,
    render,
    run,
    saved_paths,
    tiny_family,
    watch_latents,
    with_checkpoint,
)
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import BatchEnded, FromEngine, Rendered, RenderFailed, RenderOrder

_FLOW: list[dict[str, Any]] = [
    {"num_inference_steps": 2},
    {"sampler": "heun", "num_inference_steps": 3},
    {"sampler": "dpm++-2m-sde", "guidance_scale": 1.0},
    {"sampler": "unipc", "num_inference_steps": 5, "prompt": "a boat"},
    {"width": 64, "num_inference_steps": 2},
]
_SPRINT: list[dict[str, Any]] = [
    {"num_inference_steps": 2},
    {"num_inference_steps": 1},
    {"num_inference_steps": 4, "guidance_scale": 1.0},
    {"num_inference_steps": 3, "prompt": "a boat"},
    {"width": 64, "num_inference_steps": 2},
]
CHANGES = {"sana": _FLOW, "wan": _FLOW, "sprint": _SPRINT}
KINDS = range(5)
ACTS = ["step", "step", "step", "park", "resume", "drop", "move", "memory", "decode memory"]


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], torch.Tensor]:
    """Final latents of each kind of CHANGES, rendered alone."""

    @cache
    def rendered(family: str, kind: int) -> torch.Tensor:
        renderer = tiny_family(family)
        seen = watch_latents(renderer)
        render(renderer, tmp_path_factory.mktemp("lone"), [order(renderer, **CHANGES[family][kind])])
        return seen["r1"]

    return rendered


@settings(max_examples=20, deadline=None)
@given(
    joins=st.lists(
        st.tuples(st.integers(0, KINDS[-1]), st.integers(0, 12), st.none() | st.integers(0, 12)),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_joins_and_leaves_each_render_is_what_it_is_alone(
    joins: list[tuple[int, int, int | None]], lone: Callable[[str, int], torch.Tensor], tmp_path_factory: Any
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
                engine.admit(batch([order(family, name, **CHANGES["sana"][kind])], f"b{number}"))
            if stay is not None and joined + stay == tick:
                engine.drop(name)
                if name not in pixels_of(said):
                    dropped.add(name)
        said.extend(engine.step())
    said += run(engine)
    names = {f"r{number}" for number in range(len(joins))}
    assert pixels_of(said).keys() == names - dropped
    assert not [message for message in said if isinstance(message, RenderFailed)]
    ended = [message.batch_id for message in said if isinstance(message, BatchEnded)]
    assert sorted(ended) == [f"b{number}" for number in range(len(joins))]
    for number, (kind, _, _) in enumerate(joins):
        if f"r{number}" not in dropped:
            expected = lone("sana", kind)
            assert (seen[f"r{number}"] - expected).abs().max() <= 1e-5 * expected.abs().max()
    shutil.rmtree(spool)


class Trouble:
    """Out of memory in the next call of a part with more than one track."""

    def __init__(self, family: Family, part: str) -> None:
        self.armed = False
        self._real = getattr(family, part)
        setattr(family, part, self)

    def __call__(self, tracks: Any) -> Any:
        if self.armed and len(tracks) > 1:
            self.armed = False
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._real(tracks)


@pytest.mark.parametrize(
    ("model", "beside"),
    [
        ("sana", False),
        ("sana", True),
        pytest.param("sprint", False, marks=pytest.mark.long),
        pytest.param("wan", True, marks=pytest.mark.long),
    ],
)
@settings(max_examples=12, deadline=None)
@given(
    joins=st.lists(st.tuples(st.integers(0, KINDS[-1]), st.integers(0, 6)), min_size=1, max_size=5),
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 4)), max_size=30),
)
def test_parked_moved_split_or_joined_by_others_each_is_what_it_is_alone(
    model: str,
    beside: bool,
    joins: list[tuple[int, int]],
    acts: list[tuple[str, int]],
    lone: Callable[[str, int], torch.Tensor],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """joins: for each render its kind and the act before which it joins. `move` takes all to another engine."""
    spool = tmp_path_factory.mktemp("spool")
    family = tiny_family(model)
    seen = watch_latents(family)
    troubles = {"memory": Trouble(family, "predict"), "decode memory": Trouble(family, "decode")}
    engine = Engine(family, spool, weights="w", decode_beside=beside)
    said: list[FromEngine] = []
    dropped: set[str] = set()
    inside: dict[str, RenderOrder] = {}
    for number, (act, of) in enumerate([*acts, ("end", 0)]):
        for who, (kind, joined) in enumerate(joins):
            if joined == number or (act == "end" and joined > number):
                inside[f"r{who}"] = order(family, f"r{who}", **CHANGES[model][kind])
                engine.admit(batch([inside[f"r{who}"]], f"b{who}"))
        name = f"r{of}"
        if act == "step":
            said += engine.step()
        elif act == "park":
            engine.park([name])
        elif act == "resume":
            engine.resume([name])
        elif act == "drop" and name in inside:
            engine.drop(name)
            dropped |= {name} - ended(said)
        elif act == "move":
            paths = saved_paths(engine)
            engine = Engine(family, spool, weights="w", decode_beside=beside)
            left = {each: ordered for each, ordered in inside.items() if each not in ended(said) | dropped}
            for each, ordered in left.items():
                moved = with_checkpoint(ordered, paths[each]) if each in paths else ordered
                engine.admit(batch([moved], f"b{each[1:]}"))
        elif act in troubles:
            troubles[act].armed = True
    engine.resume(list(inside))
    said += run(engine)
    assert ended(said) == inside.keys() - dropped
    assert not [message for message in said if isinstance(message, RenderFailed)]
    for who, (kind, _) in enumerate(joins):
        if f"r{who}" in ended(said):
            assert (seen[f"r{who}"] - lone(model, kind)).abs().max() <= 1e-5 * lone(model, kind).abs().max()
    shutil.rmtree(spool)


def ended(said: list[FromEngine]) -> set[str]:
    return {message.render_id for message in said if isinstance(message, Rendered)}
