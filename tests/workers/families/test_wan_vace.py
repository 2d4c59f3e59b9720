"""Wan VACE keeps the promises of all families, and is diffusers' own: what is followed, changed and shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from PIL import Image

from tests.workers import tiny_pipelines
from tests.workers.families.adapted import adapter_equals_pipeline
from tests.workers.families.test_families import DTYPES, GUIDANCE, Promises, close, latents_of
from tests.workers.matrix import matrix
from tests.workers.orders import CPU, family_in, order, render, tiny_family
from tests.workers.pictures import clip_ref, picture_ref
from workers.families.base import Refused, Unsuitable
from workers.families.family_registry import find_family
from workers.protocol import Rendered, RenderFailed, RenderOrder

Folders = Callable[[str], Path]

#: What people give to it.
GIVEN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a clip to follow": {"video": clip_ref()},
    "a clip and a mask that moves": {"video": clip_ref(), "mask": clip_ref(1)},
    "a clip and a mask held over it": {"video": clip_ref(), "mask": picture_ref(2)},
    "a first frame": {"video": picture_ref()},
    "a first frame and its mask": {"video": picture_ref(), "mask": picture_ref(1)},
    "a reference picture": {"reference_images": [picture_ref()]},
    "all of it": {
        "video": clip_ref(1),
        "mask": clip_ref(),
        "reference_images": [picture_ref(1), picture_ref(2)],
        "conditioning_scale": 0.7,
    },
}


class TestWanVace(Promises):
    name = "wan-vace"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4, "video": clip_ref(), "mask": clip_ref(1)},
        {"sampler": "heun", "guidance_scale": 2.7, "video": picture_ref(2), "conditioning_scale": 0.3},
        {"sampler": "euler", "guidance_scale": 1.0, "reference_images": [picture_ref(1)]},
        {"sampler": "dpm++-2m", "flow_shift": 8.0, "negative_prompt": ""},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan-vace"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = family_in(dtype, "wan-vace", tiny_folder)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, **GIVEN["all of it"])

    @matrix(given=list(GIVEN), sampler=["unipc", "euler", "heun", "dpm++-2m-sde"], guidance=GUIDANCE, dtype=DTYPES)
    def test_whatever_is_given_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, given: str, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = family_in(dtype, "wan-vace", tiny_folder)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, **GIVEN[given])

    def test_a_larger_longer_clip_at_another_rate_is_the_pipeline_to_the_bit(self, tmp_path: Path) -> None:
        family = tiny_family("wan-vace")
        for fps in (6, 16, 24):
            self.equals_pipeline(family, tmp_path, width=96, height=64, num_frames=9, fps=fps, **GIVEN["all of it"])

    def test_a_still_of_which_a_part_is_made_anew_is_the_pipeline_to_the_bit(self, tmp_path: Path) -> None:
        given = {"video": picture_ref(), "mask": picture_ref(1)}
        self.equals_pipeline(tiny_family("wan-vace"), tmp_path, num_frames=1, **given)

    def test_all_that_is_given_changes_what_is_rendered(self, tmp_path: Path) -> None:
        family = tiny_family("wan-vace")
        seen = [latents_of(family, tmp_path, order(family, **given))["r1"] for given in GIVEN.values()]
        assert all(not torch.equal(one, two) for place, one in enumerate(seen) for two in seen[:place])

    def test_clips_of_one_shape_with_and_without_references_are_decoded_as_they_would_be_alone(
        self, tmp_path: Path
    ) -> None:
        # Given renders whose latents are alike only because references stand before a shorter clip,
        family = tiny_family("wan-vace")
        orders = [
            order(family, "longer", num_frames=9, video=clip_ref()),
            order(family, "referring", reference_images=[picture_ref(1)]),
        ]
        # when they share passes,
        together = latents_of(family, tmp_path, *orders)
        # then each is its own.
        for each in orders:
            assert close(together[each.render_id], self.lone(tmp_path, each))

    def test_previews_and_drafts_show_the_clip_without_its_references(self, tmp_path: Path) -> None:
        family = tiny_family("wan-vace")
        prepared = family.prepare(order(family, reference_images=[picture_ref(1), picture_ref(2)]))
        track = family.start(prepared, family.encode(prepared))
        with torch.no_grad():
            expected = track.as_preview(family.estimate(track, family.predict([track])[0]))
            assert family.preview(track).shape[0] == 2
        assert track.latents.shape[2] == 4
        assert family.final_latents(expected).shape[2] == 2

    def test_what_the_pipeline_would_change_or_refuse_is_refused(self) -> None:
        family = tiny_family("wan-vace")
        with pytest.raises(Refused, match="4 k"):
            family.prepare(order(family, num_frames=6))
        with pytest.raises(Refused, match="multiples of 16 and 16, and are 40x32"):
            family.prepare(order(family, width=40))
        with pytest.raises(Refused, match="a mask says what of a video"):
            family.prepare(order(family, mask=picture_ref()))

    def test_a_clip_that_is_gone_broken_or_too_short_fails_that_render_alone(self, tmp_path: Path) -> None:
        family = tiny_family("wan-vace")
        (tmp_path / "text.mkv").write_text("no clip")
        good = order(family, "good", video=clip_ref())
        short = order(family, "short", video=clip_ref(), num_frames=17, fps=8)
        bad = [
            RenderOrder(name, 1, "job", good.parameters, good.width, good.height, good.frames, inputs=inputs)
            for name, inputs in (("absent", {}), ("broken", {"video": str(tmp_path / "text.mkv")}))
        ]
        said = render(family, tmp_path, [*bad, short, good])
        failed = {message.render_id: message.reason for message in said if isinstance(message, RenderFailed)}
        assert "without the clip 'video'" in failed["absent"]
        assert "the clip 'video' cannot be read" in failed["broken"]
        assert "fewer frames than the render takes of it" in failed["short"]
        assert [message.render_id for message in said if isinstance(message, Rendered)] == ["good"]

    @pytest.mark.parametrize("size", [(7, 40), (8, 2000)])
    def test_a_reference_picture_of_which_nothing_would_be_left_is_refused_in_words(
        self, tmp_path: Path, size: tuple[int, int]
    ) -> None:
        family, path = tiny_family("wan-vace"), tmp_path / "thin.png"
        Image.new("RGB", size).save(path)
        thin = order(family, reference_images=[picture_ref()])
        thin = replace(thin, inputs={"reference_images/0": str(path)})
        [failed] = [said for said in render(family, tmp_path, [thin]) if isinstance(said, RenderFailed)]
        assert f"'reference_images/0' is {size[0]}x{size[1]}: too small or too narrow" in failed.reason

    def test_an_adapter_changes_the_branch_that_reads_the_clip_too_as_the_pipeline_loads_it(
        self, tmp_path: Path
    ) -> None:
        adapter_equals_pipeline(self.name, tmp_path, "vace_blocks", video=clip_ref())

    def test_a_model_that_is_no_vace_is_refused_at_the_start(self) -> None:
        pipeline = tiny_pipelines.build("wan-vace")
        pipeline.register_to_config(boundary_ratio=0.9)
        with pytest.raises(Unsuitable, match="two experts"):
            find_family("wan-vace")(pipeline, tiny_pipelines.entry("wan-vace"), CPU)
