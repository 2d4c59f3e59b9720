"""What every family promises, held against diffusers' own pipelines and against lone renders.

One class of promises; a family is a class below it that says what its model offers. A new family adds one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from tests.workers import tiny_pipelines
from tests.workers.matrix import matrix
from tests.workers.orders import (
    CPU,
    batch,
    call_pipeline,
    latents_and_pixels,
    loaded_family,
    order,
    parameters,
    pixels_of,
    render,
    run,
    tiny_family,
    watch_latents,
)
from workers.engine.step_loop import Engine
from workers.families.base import Family, Refused
from workers.families.guidance import guide
from workers.pipelines.load import load
from workers.protocol import Rendered, RenderFailed, RenderOrder, Stepped

Folders = Callable[[str], Path]
#: Largest difference that other batch sizes may make to fp32 latents, as a part of their largest value.
TOLERANCE = 1e-5


def latents_of(family: Family, spool: Path, *orders: RenderOrder) -> dict[str, torch.Tensor]:
    """Final latents by render id, of a batch that steps together."""
    seen = watch_latents(family)
    said = render(family, spool, orders)
    assert not [message for message in said if isinstance(message, RenderFailed)]
    return seen


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether latents differ by no more than another batch size explains."""
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())


#: Capitals, HTML entities, wide letters, odd spaces, a broken encoding, Chinese; and longer than the tiny models read.
MESSY = "  A RED &amp;amp; ﬁne Ｆox’s\u00a0den &lt;b&gt; cafÃ©  一只红色的狐狸  " + "and more, " * 5


class Promises:
    """The promises. `mixed` are changes that renders of one batch may have in any mixture."""

    name: ClassVar[str]
    mixed: ClassVar[list[dict[str, Any]]]

    @pytest.fixture
    def family(self) -> Family:
        return tiny_family(self.name)

    def many(self, family: Family) -> list[RenderOrder]:
        """A batch in which everything differs that may."""
        return [
            order(family, f"r{number}", seed=number, prompt="fox " * number, **changes)
            for number, changes in enumerate(self.mixed)
        ]

    def lone(self, spool: Path, changes: RenderOrder) -> torch.Tensor:
        """The final latents of the same order rendered alone."""
        return latents_of(tiny_family(self.name), spool, changes)[changes.render_id]

    def test_a_batch_of_all_kinds_equals_its_single_renders(self, family: Family, tmp_path: Path) -> None:
        orders = self.many(family)
        together = latents_of(family, tmp_path, *orders)
        for each in orders:
            assert close(together[each.render_id], self.lone(tmp_path, each)), each

    def test_what_neighbours_contain_changes_no_bit(self, family: Family, tmp_path: Path) -> None:
        mine = order(family, "mine")
        others, strangers = (
            [
                order(family, "guided", seed=seed, prompt=prompt),
                order(family, "unguided", seed=seed + 1, prompt=prompt, guidance_scale=1.0),
            ]
            for seed, prompt in ((1, "a boat"), (40, "fire, " * 9))
        )
        first = latents_of(family, tmp_path, others[0], mine, others[1])["mine"]
        second = latents_of(tiny_family(self.name), tmp_path, strangers[0], mine, strangers[1])["mine"]
        assert torch.equal(first, second)

    def test_the_same_orders_give_the_same_bytes_and_trace(self, family: Family, tmp_path: Path) -> None:
        runs = []
        for engine in (family, tiny_family(self.name)):
            said = render(engine, tmp_path, self.many(engine))
            traces = {message.render_id: message.trace for message in said if isinstance(message, Rendered)}
            runs.append((pixels_of(said), traces))
        assert runs[0][1] == runs[1][1]
        assert all(np.array_equal(pixels, runs[1][0][name]) for name, pixels in runs[0][0].items())

    def test_a_render_that_joins_later_equals_a_lone_one(self, family: Family, tmp_path: Path) -> None:
        # Given a render that has taken a step,
        orders = self.many(family)[:2]
        seen = watch_latents(family)
        engine = Engine(family, tmp_path)
        engine.admit(batch(orders[:1], "b1"))
        said = run(engine, steps=2)
        # when another joins,
        engine.admit(batch(orders[1:], "b2"))
        said += run(engine)
        # then they share passes, and each is what it would have been alone.
        traces = {message.render_id: message.trace for message in said if isinstance(message, Rendered)}
        if len(traces["r0"]) > 1:
            assert [step.batch_size for step in traces["r0"]][:2] == [1, 2]
        for each in orders:
            assert close(seen[each.render_id], self.lone(tmp_path, each))

    def test_dropping_one_leaves_the_others_as_they_are(self, family: Family, tmp_path: Path) -> None:
        survivors = []
        for prompt in ("a boat", "fire and smoke"):
            # Given two renders that have taken a step together,
            renderer = tiny_family(self.name)
            seen = watch_latents(renderer)
            engine = Engine(renderer, tmp_path)
            mine = order(renderer, "mine", **self.mixed[0])
            engine.admit(batch([mine, order(renderer, "other", prompt=prompt)]))
            run(engine, steps=3)
            # when the other is dropped,
            engine.drop("other")
            said = run(engine)
            # then only mine is rendered,
            assert list(pixels_of(said)) == ["mine"]
            survivors.append(seen["mine"])
        # and the other's contents left no trace in it.
        assert torch.equal(*survivors)
        assert close(survivors[0], self.lone(tmp_path, mine))

    def test_a_shape_that_the_model_would_change_is_refused(self, family: Family) -> None:
        asked = order(family)
        wrong = RenderOrder("r1", 1, "job", asked.parameters, asked.width + 32, asked.height, asked.frames)
        with pytest.raises(Refused, match="renders 32x32"):
            family.prepare(wrong)

    def test_parameters_of_another_family_are_refused(self, family: Family) -> None:
        other = parameters("sana" if self.name.startswith("wan") else "wan")
        with pytest.raises(Refused, match=self.name):
            family.prepare(RenderOrder("r1", 1, "job", other, 32, 32, 1))

    def test_prompts_are_cleaned_and_cut_as_the_pipeline_does_it(self, family: Family, tmp_path: Path) -> None:
        self.equals_pipeline(family, tmp_path, **self.mixed[0] | {"prompt": MESSY})

    def equals_pipeline(self, family: Family, spool: Path, **changes: Any) -> None:
        """Latents and pixels of one render, through the engine, are diffusers' own to the bit."""
        ordered = order(family, **changes)
        seen = watch_latents(family)
        said = render(family, spool, [ordered])
        latents, pixels = latents_and_pixels(family, ordered.parameters)
        assert torch.equal(seen["r1"], latents)
        theirs = np.asarray(pixels[0])
        assert np.array_equal(pixels_of(said)["r1"], (theirs * 255).round().astype(np.uint8))


DTYPES = ["float32", "bfloat16"]
GUIDANCE = [5.3, 1.0]  # guided and not


class TestSana(Promises):
    name = "sana"
    mixed: ClassVar = [
        {"sampler": "dpm++-2m", "num_inference_steps": 5},
        {"sampler": "euler", "guidance_scale": 1.0},
        {"sampler": "dpm++-2m-sde", "guidance_scale": 2.7},
        {"sampler": "heun", "num_inference_steps": 3, "complex_human_instruction": True},
        {"sampler": "unipc", "negative_prompt": ""},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["sana"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sana", tiny_folder("sana"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    @pytest.mark.parametrize("steps", [1, 2, 7, 30])
    def test_any_number_of_steps_is_the_pipeline_to_the_bit(self, tmp_path: Path, steps: int) -> None:
        for sampler in ("dpm++-2m", "dpm++-singlestep", "unipc"):
            self.equals_pipeline(tiny_family("sana"), tmp_path, sampler=sampler, num_inference_steps=steps)

    def test_the_instruction_before_the_prompt_is_the_pipelines_own(self, tmp_path: Path) -> None:
        self.equals_pipeline(tiny_family("sana"), tmp_path, complex_human_instruction=True)

    def test_a_binned_size_is_rendered_in_its_bin_and_cropped_as_the_pipeline_does(self, tmp_path: Path) -> None:
        family = tiny_family("sana", sample_size=16, bins=512)
        ordered = order(family, width=300, height=200)
        assert (ordered.width, ordered.height) != (300, 200)
        self.equals_pipeline(family, tmp_path, width=300, height=200, num_inference_steps=1)

    def test_a_size_that_the_pipeline_crops_to_a_row_comes_out_whole_of_its_own_latents(self, tmp_path: Path) -> None:
        family = tiny_family("sana", sample_size=16, bins=512)
        ordered = order(family, width=320, height=240, num_inference_steps=1)
        seen = watch_latents(family)
        pixels = pixels_of(render(family, tmp_path, [ordered]))["r1"]
        assert torch.equal(seen["r1"], call_pipeline(family, ordered.parameters, "latent"))
        assert call_pipeline(family, ordered.parameters, "np").shape == (1, 1, 320, 3)
        assert pixels.shape == (240, 320, 3)

    def test_large_pictures_are_decoded_in_tiles_as_the_pipeline_does(
        self, tiny_folder: Folders, tmp_path: Path
    ) -> None:
        tiles = {"tile_sample_min_height": 32, "tile_sample_min_width": 32}
        strides = {"tile_sample_stride_height": 24, "tile_sample_stride_width": 24}
        entry = tiny_pipelines.entry("sana", tiny_folder("sana"), vae_tiling=tiles | strides)
        family = load(entry, None, CPU).family
        whole = tiny_family("sana")
        self.equals_pipeline(family, tmp_path, width=96, height=64)
        # And tiles do show: the seams are blended.
        pixels = [
            pixels_of(render(each, tmp_path, [order(each, width=96, height=64)]))["r1"] for each in (family, whole)
        ]
        assert not np.array_equal(*pixels)

    def test_two_sizes_of_one_bin_share_passes_and_keep_their_own_size(self, tmp_path: Path) -> None:
        family = tiny_family("sana", sample_size=16, bins=512)
        orders = [order(family, f"{side}", width=side, height=side, num_inference_steps=1) for side in (96, 64)]
        said = render(family, tmp_path, orders)
        assert [message.trace[0].batch_size for message in said if isinstance(message, Rendered)] == [2, 2]
        assert {name: pixels.shape for name, pixels in pixels_of(said).items()} == {
            "96": (96, 96, 3),
            "64": (64, 64, 3),
        }


class TestSprint(Promises):
    name = "sprint"
    mixed: ClassVar = [
        {"num_inference_steps": 4},
        {"num_inference_steps": 1, "guidance_scale": 1.0},
        {"num_inference_steps": 2, "guidance_scale": 7.1},
        {"num_inference_steps": 3, "complex_human_instruction": True},
    ]

    @matrix(steps=[1, 2, 3, 4], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, steps: int, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sprint", tiny_folder("sprint"), dtype)
        self.equals_pipeline(family, tmp_path, num_inference_steps=steps, guidance_scale=guidance)


class TestWan(Promises):
    name = "wan"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0},
        {"sampler": "heun", "guidance_scale": 2.7},
        {"sampler": "dpm++-2m", "flow_shift": 8.0, "negative_prompt": ""},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan", tiny_folder("wan"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    def test_one_frame_is_a_still_clip(self, tmp_path: Path) -> None:
        self.equals_pipeline(tiny_family("wan"), tmp_path, num_frames=1)

    def test_frames_that_the_pipeline_would_round_are_refused(self) -> None:
        family = tiny_family("wan")
        with pytest.raises(Refused, match="4 k"):
            family.prepare(order(family, num_frames=6))


@pytest.mark.parametrize("scale", [1.7, 4.5, 5.3, 7.123])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_vector_of_guidance_scales_rounds_as_a_python_number_does(scale: float, dtype: str) -> None:
    noise = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(3))
    unguided, guided = noise.to(getattr(torch, dtype)).split(1)
    assert torch.equal(guide(unguided, guided, [scale]), unguided + scale * (guided - unguided))


def test_heun_counts_its_second_passes(tmp_path: Path) -> None:
    family = tiny_family("sana")
    said = render(family, tmp_path, [order(family, sampler="heun", num_inference_steps=4)])
    steps = [message.steps[0] for message in said if isinstance(message, Stepped)]
    assert [(step.step, step.steps) for step in steps if step.phase != "encoding"] == [
        (number, 7) for number in range(8)
    ]
