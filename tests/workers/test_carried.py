"""Whatever happened in an engine before: each render comes out as it does in a process that has made no other."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import SanaTransformer2DModel
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import save_file

from tests.workers.carried import KINDS, UNFIT, digest, loaded, ordered
from tests.workers.denoising.test_lora import make
from tests.workers.orders import batch, run, saved_paths, with_checkpoint
from tests.workers.trouble import failures
from tests.workers.verification.test_rerender import manifest_of
from workers.denoising.step_caches import MOST_KEPT, StepCaches
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.pipelines.load import Loaded
from workers.protocol import FromEngine, Rendered, RenderOrder
from workers.verification.verify_manifest import Verdict, verify

ADMITTED = [*KINDS, UNFIT]
HARM = ["a pass breaks off", "a pass is out of memory", "a LoRA is out of memory", "layers do not obey"]
ACTS = st.one_of(
    st.tuples(st.sampled_from(ADMITTED), st.booleans()),
    st.tuples(st.just("step"), st.integers(1, 4)),
    st.tuples(st.sampled_from(["cancel", "park", "resume", "go on from a checkpoint"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(HARM), st.integers(0, 9)),
)
Acts = list[tuple[str, Any]]
#: The fault that was found first: nothing of the second LoRA loads, and the first stayed switched on.
LEAK: Acts = [("ink", True), ("step", 20), (UNFIT, True), ("step", 4), ("plain", True)]


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    for name in ("ink", "oil"):
        make(folder, name)
    halves = {"lora_A": torch.ones(4, 16), "lora_B": torch.ones(16, 4)}
    save_file({f"other.blocks.0.{name}.weight": half for name, half in halves.items()}, folder / f"{UNFIT}.safetensors")
    return folder


@pytest.fixture(scope="module")
def fresh(tiny_folder: Callable[[str], Path], loras: Path) -> dict[str, str]:
    """The pixels' hash of each kind, from another process."""
    command = [sys.executable, "-m", "tests.workers.carried", str(tiny_folder("sana")), str(loras)]
    told = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True, timeout=300)
    return json.loads(told.stdout.splitlines()[-1])  # type: ignore[no-any-return]


class Harm:
    """What goes wrong next, inside the libraries and once each."""

    def __init__(self, family: Family, patch: pytest.MonkeyPatch) -> None:
        self._armed: dict[str, int] = {}
        transformer = family.pipeline.transformer
        self._hook = transformer.transformer_blocks[1].register_forward_pre_hook(lambda *_: self._in_a_pass())
        load, set_adapter = SanaTransformer2DModel.load_lora_adapter, BaseTunerLayer.set_adapter

        def load_some(model: Any, *given: Any, **named: Any) -> None:
            load(model, *given, **named)
            if self._due("a LoRA is out of memory"):
                raise torch.OutOfMemoryError("CUDA out of memory")

        def obey_some(layer: Any, *given: Any, **named: Any) -> None:
            if self._due("layers do not obey"):
                raise RuntimeError("a layer was asked at a bad moment")
            set_adapter(layer, *given, **named)

        patch.setattr(SanaTransformer2DModel, "load_lora_adapter", load_some)
        patch.setattr(BaseTunerLayer, "set_adapter", obey_some)

    def disarm(self) -> None:
        """What has not happened by the end of one sequence happens in no other."""
        self._hook.remove()

    def arm(self, what: str, after: int) -> None:
        """At the next call but `after` of the kind."""
        self._armed[what] = after

    def _in_a_pass(self) -> None:
        if self._due("a pass breaks off"):
            raise RuntimeError("a kernel failed")
        if self._due("a pass is out of memory"):
            raise torch.OutOfMemoryError("CUDA out of memory")

    def _due(self, what: str) -> bool:
        left = self._armed.pop(what, None)
        if left:
            self._armed[what] = left - 1
        return left == 0


class Sequence:
    """One engine, to which all of it happens."""

    def __init__(self, model: Loaded, loras: Path, spool: Path, harm: Harm) -> None:
        self.kinds: dict[str, str] = {}
        self.orders: dict[str, RenderOrder] = {}
        self.said: list[FromEngine] = []
        self._family, self._loras, self._harm = model.family, loras, harm
        self._engine = Engine(model.family, spool, weights="w")

    def play(self, acts: Acts) -> None:
        for act, of in acts:
            if act in ADMITTED:
                name = f"r{len(self.kinds)}"
                self.kinds[name] = act
                self.orders[name] = ordered(self._family, act, self._loras, name, alone=of or "fast" in act)
                self._engine.admit(batch([self.orders[name]], name))
            elif act == "step":
                self.said += run(self._engine, steps=of)
            elif act in HARM:
                self._harm.arm(act, of)
            else:
                self._handle(act, f"r{of}")
        self._engine.resume(list(self.kinds))
        self.said += run(self._engine)

    def _handle(self, act: str, name: str) -> None:
        if act == "cancel":
            self._engine.drop(name)
        elif act == "park":
            self._engine.park([name])
        elif act == "resume":
            self._engine.resume([name])
        elif name in (paths := saved_paths(self._engine)):
            self.orders[name] = with_checkpoint(self.orders[name], paths[name])
            self._engine.admit(batch([self.orders[name]], f"{name} again"))


def caches_that_begin_anew(patch: pytest.MonkeyPatch) -> set[str]:
    """The renders whose step cache is thrown away before their last pass: that set fills as it happens."""
    begun_anew: set[str] = set()
    let_go = StepCaches._let_go

    def noted(caches: StepCaches, batches: Iterable[tuple[str, ...]]) -> None:
        gone = list(batches)
        begun_anew.update(name for names in gone if not caches._kept[names].over for name in names)
        let_go(caches, gone)

    patch.setattr(StepCaches, "_let_go", noted)
    return begun_anew


def check(acts: Acts, model: Loaded, verifier: Loaded, loras: Path, fresh: dict[str, str], spool: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        harm, begun_anew = Harm(model.family, patch), caches_that_begin_anew(patch)
        sequence = Sequence(model, loras, spool, harm)
        try:
            sequence.play(acts)
        finally:
            harm.disarm()
    assert not model.family.step_caches._kept, "nobody is inside"
    done = {message.render_id: message for message in sequence.said if isinstance(message, Rendered)}
    assert not [name for name in done if sequence.kinds[name] == UNFIT]
    hopeless = [name for name, failed in failures(sequence.said).items() if failed.hopeless]
    assert all(sequence.orders[name].parameters["loras"] for name in hopeless), "of a plain one all can be tried again"
    fast = [name for name, kind in sequence.kinds.items() if "fast" in kind]
    # A cache that has to begin anew half-way leaves out other passes: those renders only take part then.
    if len(fast) > MOST_KEPT or any(act == "go on from a checkpoint" for act, _ in acts):
        begun_anew.update(fast)
    for name, message in done.items():
        order, pixels = sequence.orders[name], np.load(message.pixels_path)
        if name in begun_anew:
            continue
        if order.parameters["deterministic"]:
            assert digest(pixels) == fresh[sequence.kinds[name]], (name, sequence.kinds[name])
        recorded = manifest_of(order, message, model)
        found, _ = verify(recorded, b"", verifier, inputs=order.inputs, also_exclusive=False)
        assert found[0].verdict in (Verdict.SAME_BYTES, Verdict.SAME_PIXELS), (name, sequence.kinds[name])


def test_after_a_lora_that_cannot_be_loaded_nobody_gets_the_one_before_it(
    tiny_folder: Callable[[str], Path], loras: Path, fresh: dict[str, str], tmp_path: Path
) -> None:
    check(LEAK, loaded(tiny_folder("sana")), loaded(tiny_folder("sana")), loras, fresh, tmp_path)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=pytest.mark.long)])
def test_no_render_carries_anything_of_those_before_it(
    examples: int,
    tiny_folder: Callable[[str], Path],
    loras: Path,
    fresh: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # The same for all sequences: what one leaves behind the next one would see.
    model, verifier = loaded(tiny_folder("sana")), loaded(tiny_folder("sana"))

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(acts=st.lists(ACTS, min_size=4, max_size=24))
    @example(acts=LEAK)
    def hold(acts: Acts) -> None:
        check(acts, model, verifier, loras, fresh, tmp_path_factory.mktemp("spool"))

    hold()
