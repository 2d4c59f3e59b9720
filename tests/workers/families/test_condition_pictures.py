"""The families that start from a picture or follow one keep the promises of all families, and are diffusers' own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from farm.params import JobRequest, parse_parameters, resolve, shape_of
from farm.params.request.base import InputRef
from tests.workers import tiny_pipelines
from tests.workers.families.test_families import DTYPES, GUIDANCE, Promises, latents_of
from tests.workers.matrix import matrix
from tests.workers.orders import call_pipeline, loaded_family, order, render, tiny_family, watch_latents
from tests.workers.pictures import picture_file, picture_ref
from workers.families.base import Refused, Unsuitable
from workers.families.sana_video import SanaVideoFamily
from workers.families.wan_i2v import WanFirstLastFamily, WanImageToVideoFamily
from workers.protocol import Rendered, RenderFailed, RenderOrder

Folders = Callable[[str], Path]


class TestSprintFromAPicture(Promises):
    name = "sprint"
    mixed: ClassVar = [
        {"num_inference_steps": 4, "image": picture_ref(1), "strength": 0.5},
        {"num_inference_steps": 2, "guidance_scale": 7.1, "image": picture_ref(2), "strength": 1.0},
        {"num_inference_steps": 2},
    ]

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(("steps", "strength"), [(1, 0.3), (2, 0.6), (2, 0.4), (3, 0.05), (4, 0.5), (4, 1.0)])
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, steps: int, strength: float, dtype: str
    ) -> None:
        family = loaded_family("sprint", tiny_folder("sprint"), dtype)
        self.equals_pipeline(family, tmp_path, num_inference_steps=steps, image=picture_ref(), strength=strength)

    def test_the_first_steps_that_a_picture_saves_are_not_taken(self, tmp_path: Path) -> None:
        family = tiny_family("sprint")
        ordered = order(family, num_inference_steps=4, image=picture_ref(), strength=0.5)
        (rendered,) = [said for said in render(family, tmp_path, [ordered]) if isinstance(said, Rendered)]
        assert len(rendered.trace) == 2

    def test_a_picture_is_scaled_to_the_bin_that_is_rendered(self, tmp_path: Path) -> None:
        family = tiny_family("sprint", sample_size=32, bins=1024)
        self.equals_pipeline(
            family, tmp_path, width=300, height=200, num_inference_steps=1, image=picture_ref(), strength=0.6
        )


class TestSanaControlNet(Promises):
    name = "sana-controlnet"
    mixed: ClassVar = [
        {"sampler": "dpm++-2m", "controlnet_conditioning_scale": 1.3},
        {"sampler": "euler", "guidance_scale": 1.0, "control_image": picture_ref(1)},
        {"sampler": "dpm++-2m-sde", "guidance_scale": 2.7, "controlnet_conditioning_scale": 0.0},
        {"sampler": "heun", "num_inference_steps": 2, "complex_human_instruction": True},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["sana-controlnet"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sana-controlnet", tiny_folder("sana-controlnet"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    def test_the_picture_and_its_scale_change_what_is_rendered(self, tmp_path: Path) -> None:
        seen = []
        for changes in ({}, {"control_image": picture_ref(1)}, {"controlnet_conditioning_scale": 0.1}):
            family = tiny_family("sana-controlnet")
            seen.append(latents_of(family, tmp_path, order(family, **changes))["r1"])
        assert not torch.equal(seen[0], seen[1])
        assert not torch.equal(seen[0], seen[2])


class TestWanImageToVideo(Promises):
    name = "wan-i2v"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0, "image": picture_ref(1)},
        {"sampler": "heun", "guidance_scale": 2.7, "image": picture_ref(2), "num_inference_steps": 2},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan-i2v"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan-i2v", tiny_folder("wan-i2v"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    def test_a_model_that_wants_a_last_picture_too_is_refused_at_the_start(self) -> None:
        one, two = (tiny_pipelines.build(name) for name in ("wan-i2v", "wan-flf2v"))
        with pytest.raises(Unsuitable, match=r"wants a first and a last picture .* drives .* a first picture alone"):
            WanImageToVideoFamily(two, tiny_pipelines.entry("wan-i2v"), torch.device("cpu"))
        with pytest.raises(Unsuitable, match="wants a first picture alone, and the family 'wan-flf2v'"):
            WanFirstLastFamily(one, tiny_pipelines.entry("wan-flf2v"), torch.device("cpu"))


class TestWanFirstAndLast(Promises):
    name = "wan-flf2v"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0, "last_image": picture_ref(1)},
        {"sampler": "heun", "guidance_scale": 2.7, "image": picture_ref(2), "num_inference_steps": 2},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan-flf2v"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan-flf2v", tiny_folder("wan-flf2v"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, num_frames=9)

    def test_one_frame_between_two_pictures_is_refused(self) -> None:
        family = tiny_family("wan-flf2v")
        with pytest.raises(Refused, match="needs more frames than one"):
            family.prepare(order(family, num_frames=1))


class TestSanaVideo(Promises):
    name = "sana-video"
    mixed: ClassVar = [
        {"sampler": "dpm++-2m", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0},
        {"sampler": "heun", "guidance_scale": 2.7, "num_inference_steps": 2},
        {"sampler": "unipc", "complex_human_instruction": True},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["sana-video"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sana-video", tiny_folder("sana-video"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    @matrix(sampler=["dpm++-2m", "dpm++-2m-sde", "unipc", "heun"], guidance=GUIDANCE, dtype=DTYPES)
    def test_a_clip_that_begins_with_a_picture_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sana-video", tiny_folder("sana-video"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, image=picture_ref())

    def test_clips_with_and_without_a_picture_render_side_by_side_as_they_would_alone(self, tmp_path: Path) -> None:
        family = tiny_family("sana-video")
        pictures = (None, picture_ref(1), picture_ref(2))
        orders = [order(family, f"r{seed}", seed=seed, image=picture) for seed, picture in enumerate(pictures)]
        together = latents_of(family, tmp_path, *orders)
        for each in orders:
            assert torch.allclose(together[each.render_id], self.lone(tmp_path, each), rtol=0, atol=1e-4)

    def test_the_given_frame_stays_in_what_a_draft_expects_the_end_to_be(self) -> None:
        family = tiny_family("sana-video")
        prepared = family.prepare(order(family, image=picture_ref()))
        track = family.start(prepared, family.encode(prepared))
        with torch.no_grad():
            expected = family.estimate(track, family.predict([track])[0])
        assert torch.equal(expected[:, :, :1], track.latents[:, :, :1])
        assert not torch.equal(expected[:, :, 1:], track.latents[:, :, 1:])

    def test_frames_that_the_pipeline_would_drop_are_refused(self) -> None:
        family = tiny_family("sana-video")
        with pytest.raises(Refused, match="4 k"):
            family.prepare(order(family, num_frames=6))
        with pytest.raises(Refused, match="more frames than that one"):
            family.prepare(order(family, num_frames=1, image=picture_ref()))


class TestSanaVideo720p(Promises):
    """With another video autoencoder: 8 frames a latent."""

    name = "sana-video-720p"
    mixed: ClassVar = [
        {"sampler": "dpm++-2m", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0},
        {"sampler": "heun", "guidance_scale": 2.7, "num_inference_steps": 2},
        {"sampler": "unipc", "complex_human_instruction": True},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["sana-video-720p"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sana-video-720p", tiny_folder("sana-video-720p"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    @matrix(sampler=["dpm++-2m", "dpm++-2m-sde", "unipc", "heun"], guidance=GUIDANCE, dtype=DTYPES)
    def test_a_clip_that_begins_with_a_picture_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("sana-video-720p", tiny_folder("sana-video-720p"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, image=picture_ref())

    def test_a_larger_longer_clip_is_the_pipeline_to_the_bit(self, tmp_path: Path) -> None:
        self.equals_pipeline(tiny_family(self.name), tmp_path, width=96, height=64, num_frames=17)

    def test_frames_that_the_pipeline_would_drop_are_refused(self) -> None:
        family = tiny_family(self.name)
        with pytest.raises(Refused, match="8 k"):
            family.prepare(order(family, num_frames=5))

    def test_a_model_of_the_other_autoencoder_is_refused_at_the_start(self) -> None:
        for model, told in (("sana-video", "4k + 1 frames, and the entry says 8k"), (self.name, "8k + 1 frames, and")):
            other = "sana-video" if model == self.name else self.name
            with pytest.raises(Unsuitable, match=told.replace("+", r"\+")):
                SanaVideoFamily(tiny_pipelines.build(model), tiny_pipelines.entry(other), torch.device("cpu"))


PICTURES: dict[str, dict[str, Any]] = {
    "sprint": {"image": picture_ref(), "strength": 0.9},
    "sana-controlnet": {},
    "wan-i2v": {},
    "wan22-i2v": {},
    "wan22-ti2v": {"image": picture_ref()},
    "sana-video": {"image": picture_ref()},
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_that_did_not_come_or_is_none_fails_that_render_alone(name: str, tmp_path: Path) -> None:
    family = tiny_family(name)
    (tmp_path / "text.png").write_text("no picture")
    good = order(family, "good", **PICTURES[name])
    (field,) = good.inputs
    bad = [
        RenderOrder(name, 1, "job", good.parameters, good.width, good.height, good.frames, inputs=inputs)
        for name, inputs in (("absent", {}), ("broken", {field: str(tmp_path / "text.png")}))
    ]
    said = render(family, tmp_path, [*bad, good])
    failed = {message.render_id: message.reason for message in said if isinstance(message, RenderFailed)}
    assert f"without the picture '{field}'" in failed["absent"]
    assert f"the picture '{field}' cannot be read" in failed["broken"]
    assert [message.render_id for message in said if isinstance(message, Rendered)] == ["good"]


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_what_request_validation_makes_of_a_short_request_is_the_pipelines_own(name: str, tmp_path: Path) -> None:
    # Given a request that names its picture,
    family = tiny_family(name)
    field = "control_image" if name == "sana-controlnet" else "image"
    request = JobRequest.model_validate({"model": f"tiny-{name}", "prompt": "a fox", "seed": 3, field: "picture-1"})
    # when request validation completes it, and it is stored and read again,
    resolved = resolve(
        request,
        family.entry,
        max_renders=1,
        draw_seed=lambda: 0,
        find_input=lambda _: InputRef.model_validate(picture_ref(1)),
    )
    stored = json.loads(json.dumps(resolved.renders[0].document()))
    shape = shape_of(parse_parameters(stored), family.entry)
    ordered = RenderOrder(
        "r1", 1, "job", stored, shape.width, shape.height, shape.frames, inputs={field: picture_file(1)}
    )
    # then what is rendered is what the pipeline makes of the same words.
    seen = watch_latents(family)
    render(family, tmp_path, [ordered])
    assert torch.equal(seen["r1"], call_pipeline(family, stored, "latent"))
