"""Wan 2.2 keeps the promises of all families, and is diffusers' own: two experts, and a timestep for each token."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from tests.workers import tiny_pipelines
from tests.workers.families.test_families import DTYPES, GUIDANCE, Promises
from tests.workers.matrix import matrix
from tests.workers.orders import CPU, batch, loaded_family, order, render, run, tiny_family
from tests.workers.pictures import picture_ref
from workers.denoising.track import Track
from workers.engine.step_loop import Engine
from workers.families.base import Family, Refused, Unsuitable
from workers.families.family_registry import find_family
from workers.protocol import Rendered

Folders = Callable[[str], Path]


def watch_experts(family: Family) -> list[tuple[str | None, list[str]]]:
    """From here on, each pass: the expert that ran it, and its renders."""
    seen: list[tuple[str | None, list[str]]] = []
    predict = family.predict

    def watched(tracks: list[Track]) -> list[torch.Tensor]:
        seen.append((family.expert_of(tracks[0]), [track.order.render_id for track in tracks]))
        return predict(tracks)

    family.predict = watched  # type: ignore[method-assign,assignment]
    return seen


class TestWanExpertsImageToVideo(Promises):
    name = "wan22-i2v"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0, "image": picture_ref(1)},
        {"sampler": "heun", "guidance_scale_2": 2.7, "image": picture_ref(2), "num_inference_steps": 2},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan22-i2v"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan22-i2v", tiny_folder("wan22-i2v"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    @matrix(sampler=["unipc", "euler", "heun"], guidance=GUIDANCE, dtype=DTYPES)
    def test_a_clip_between_two_pictures_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan22-i2v", tiny_folder("wan22-i2v"), dtype)
        self.equals_pipeline(
            family, tmp_path, sampler=sampler, guidance_scale=guidance, num_frames=9, last_image=picture_ref(3)
        )


class TestWanTextImageToVideo(Promises):
    name = "wan22-ti2v"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0, "image": picture_ref(1)},
        {"sampler": "heun", "guidance_scale": 2.7, "image": picture_ref(2)},
        {"sampler": "dpm++-2m", "flow_shift": 8.0, "negative_prompt": ""},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan22-ti2v"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan22-ti2v", tiny_folder("wan22-ti2v"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    @matrix(sampler=["unipc", "euler", "heun", "dpm++-2m-sde"], guidance=GUIDANCE, dtype=DTYPES)
    def test_a_clip_that_begins_with_a_picture_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan22-ti2v", tiny_folder("wan22-ti2v"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, image=picture_ref())

    def test_a_larger_clip_with_and_without_a_picture_is_the_pipeline_to_the_bit(self, tmp_path: Path) -> None:
        for asked in ({}, {"image": picture_ref(1)}):
            family = tiny_family("wan22-ti2v")
            self.equals_pipeline(family, tmp_path, width=96, height=64, num_frames=9, **asked)

    def test_clips_with_and_without_a_picture_share_passes(self, tmp_path: Path) -> None:
        family = tiny_family("wan22-ti2v")
        orders = [order(family, "text"), order(family, "picture", image=picture_ref())]
        said = render(family, tmp_path, orders)
        sizes = {message.render_id: message.trace[-1].batch_size for message in said if isinstance(message, Rendered)}
        assert sizes == {"text": 2, "picture": 2}

    def test_the_given_frame_stays_in_what_a_draft_expects_the_end_to_be(self) -> None:
        family = tiny_family("wan22-ti2v")
        prepared = family.prepare(order(family, image=picture_ref()))
        track = family.start(prepared, family.encode(prepared))
        with torch.no_grad():
            shown = family.final_latents(track.as_preview(family.estimate(track, family.predict([track])[0])))
        assert torch.equal(shown[:, :, :1], track.conditions["first"])

    def test_what_the_pipeline_would_change_is_refused(self) -> None:
        family = tiny_family("wan22-ti2v")
        with pytest.raises(Refused, match="4 k"):
            family.prepare(order(family, num_frames=6))
        with pytest.raises(Refused, match="multiples of 32 and 32, and are 48x32"):
            family.prepare(order(family, width=48))
        with pytest.raises(Refused, match="more frames than that one"):
            family.prepare(order(family, num_frames=1, image=picture_ref()))


class TestWanExperts(Promises):
    name = "wan22"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4},
        {"sampler": "euler", "guidance_scale": 1.0},
        {"sampler": "heun", "guidance_scale": 2.7, "guidance_scale_2": 6.1},
        {"sampler": "dpm++-2m", "flow_shift": 8.0, "negative_prompt": ""},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan22"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = loaded_family("wan22", tiny_folder("wan22"), dtype)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance)

    @pytest.mark.parametrize("second", [1.0, 5.3])
    def test_the_second_scale_alone_changes_what_the_second_expert_does_as_in_the_pipeline(
        self, tmp_path: Path, second: float
    ) -> None:
        self.equals_pipeline(tiny_family("wan22"), tmp_path, guidance_scale_2=second)

    @pytest.mark.parametrize("shift", [0.2, 12.0])
    def test_a_shift_that_leaves_nothing_or_nearly_all_to_one_expert_is_the_pipeline_to_the_bit(
        self, tmp_path: Path, shift: float
    ) -> None:
        for sampler in ("unipc", "euler", "heun"):
            self.equals_pipeline(tiny_family("wan22"), tmp_path, sampler=sampler, flow_shift=shift)

    def test_renders_of_one_expert_share_passes_whatever_their_step_and_of_two_never(self, tmp_path: Path) -> None:
        # Given a render that has taken its first step,
        family = tiny_family("wan22")
        seen = watch_experts(family)
        engine = Engine(family, tmp_path)
        engine.admit(batch([order(family, "first")], "b1"))
        run(engine, steps=2)
        # when another joins, which is a step behind,
        engine.admit(batch([order(family, "second", seed=4)], "b2"))
        said = run(engine)
        # then they share the passes in which the same expert has both, and no others.
        high, low = "high-noise", "low-noise"
        assert [len(renders) for expert, renders in seen if expert == high] == [1, 2, 1]
        assert sorted(renders for expert, renders in seen if expert == low) in (
            [["first"], ["first", "second"], ["second"]],
            [["first"], ["first"], ["second"], ["second"]],
            [["first", "second"], ["first", "second"]],
        )
        traces = {message.render_id: message.trace for message in said if isinstance(message, Rendered)}
        assert all(len(trace) == 4 for trace in traces.values())

    def test_a_model_of_another_kind_is_refused_at_the_start_with_what_it_is(self) -> None:
        pipeline = tiny_pipelines.build("wan22")
        with pytest.raises(Unsuitable, match=r"a Wan 2\.2 model of two experts .* drives a Wan 2\.1 model"):
            find_family("wan")(pipeline, tiny_pipelines.entry("wan"), CPU)
        with pytest.raises(Unsuitable, match=r"a Wan 2\.1 model, and the family 'wan22' drives"):
            find_family("wan22")(tiny_pipelines.build("wan"), tiny_pipelines.entry("wan22"), CPU)
        pipeline.register_modules(transformer_2=None)
        with pytest.raises(Unsuitable, match="no transformer_2"):
            find_family("wan22")(pipeline, tiny_pipelines.entry("wan22"), CPU)
