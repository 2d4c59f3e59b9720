"""Wan Animate keeps the promises of all families, and is diffusers' own in both modes and over segments."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.workers import tiny_pipelines
from tests.workers.families.adapted import adapter_equals_pipeline
from tests.workers.families.test_families import DTYPES, GUIDANCE, Promises, close, latents_of
from tests.workers.matrix import matrix
from tests.workers.orders import (
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
from tests.workers.pictures import clip_ref, picture_ref
from workers.engine.step_loop import Engine
from workers.families.base import Refused
from workers.protocol import Rendered, RenderFailed, Stepped

Folders = Callable[[str], Path]
REPLACE = {"mode": "replace", "background_video": clip_ref(2), "mask_video": clip_ref(1)}

#: What people ask of it.
ASKED: dict[str, dict[str, Any]] = {
    "animate": {},
    "replace": REPLACE,
    "animate in two segments": {"num_frames": 9},
    "replace in two segments": {**REPLACE, "num_frames": 9},
    "animate in three that share five frames": {
        "num_frames": 25,
        "fps": 16,
        "segment_frame_length": 13,
        "prev_segment_conditioning_frames": 5,
    },
}


class TestWanAnimate(Promises):
    name = "wan-animate"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4, "num_frames": 9},
        {"sampler": "heun", "guidance_scale": 2.7, **REPLACE},
        {"sampler": "euler", "guidance_scale": 1.0, "face_video": clip_ref(2)},
        {"sampler": "dpm++-2m", "flow_shift": 8.0, "negative_prompt": "", "image": picture_ref(2)},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan-animate"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = family_in(dtype, "wan-animate", tiny_folder)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, num_frames=9)

    @matrix(asked=list(ASKED), sampler=["unipc", "euler", "heun", "dpm++-2m-sde"], guidance=GUIDANCE, dtype=DTYPES)
    def test_whatever_is_asked_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, asked: str, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = family_in(dtype, "wan-animate", tiny_folder)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, **ASKED[asked])

    def test_a_larger_clip_at_another_rate_of_which_some_frames_are_thrown_away_is_the_pipeline_to_the_bit(
        self, tmp_path: Path
    ) -> None:
        family = tiny_family("wan-animate")
        odd = {"width": 96, "height": 64, "num_frames": 13, "segment_frame_length": 9, "fps": 12}
        for more in ({}, {**REPLACE, "background_video": picture_ref(2), "mask_video": picture_ref(1)}):
            self.equals_pipeline(family, tmp_path, **odd, **more)

    def test_all_that_is_given_changes_what_is_rendered(self, tmp_path: Path) -> None:
        family = tiny_family("wan-animate")
        given: list[dict[str, Any]] = [
            {},
            {"image": picture_ref(5)},
            {"pose_video": clip_ref(3)},
            {"face_video": clip_ref(3)},
            REPLACE,
            {**REPLACE, "background_video": clip_ref(3)},
            {**REPLACE, "mask_video": clip_ref(3)},
        ]
        seen = [latents_of(family, tmp_path, order(family, **each))["r1"] for each in given]
        assert all(not torch.equal(one, two) for place, one in enumerate(seen) for two in seen[:place])

    def test_progress_counts_the_steps_of_all_segments(self, tmp_path: Path) -> None:
        family = tiny_family("wan-animate")
        said = render(family, tmp_path, [order(family, num_frames=13, sampler="heun", num_inference_steps=2)])
        steps = [message.steps[0] for message in said if isinstance(message, Stepped)]
        assert [(step.step, step.steps) for step in steps if step.phase != "encoding"] == [
            (number, 9) for number in range(10)
        ]
        [made] = [message for message in said if isinstance(message, Rendered)]
        assert len(made.trace) == 9
        assert [step.timestep for step in made.trace[:3]] == [step.timestep for step in made.trace[3:6]]
        assert pixels_of(said)["r1"].shape[0] == 13

    def test_renders_in_different_segments_share_passes(self, tmp_path: Path) -> None:
        # Given a clip of two segments that is at the last step of its first,
        family = tiny_family("wan-animate")
        orders = [order(family, "long", num_frames=9), order(family, "short", seed=4)]
        seen = watch_latents(family)
        engine = Engine(family, tmp_path)
        engine.admit(batch(orders[:1], "b1"))
        said = run(engine, steps=3)
        # when another begins,
        engine.admit(batch(orders[1:], "b2"))
        said += run(engine)
        # then they share passes over the border, and each is what it would have been alone.
        [long] = [each for each in said if isinstance(each, Rendered) and each.render_id == "long"]
        assert [step.batch_size for step in long.trace] == [1, 1, 2, 2, 2, 1]
        for each in orders:
            assert close(seen[each.render_id], self.lone(tmp_path, each))

    def test_a_checkpoint_holds_the_frames_of_the_segments_before_and_no_other_has_any(self, tmp_path: Path) -> None:
        family = tiny_family("wan-animate")
        engine = Engine(family, tmp_path)
        engine.admit(batch([order(family, num_frames=13)]))
        held = []
        while not engine.idle:
            run(engine, steps=1)
            for path in saved_paths(engine).values():
                with safe_open(path, "np") as file:
                    names = set(file.keys())
                    held.append(file.get_tensor("done.frames").size // (32 * 32 * 3) if "done.frames" in names else 0)
                    assert ("done.last" in names) == (held[-1] > 0)
        assert sorted(set(held)) == [0, 5, 9]

    def test_going_on_reads_the_frames_before_from_the_checkpoint(self, tmp_path: Path) -> None:
        # Given a clip of two segments that is in its second, and what it becomes,
        family = tiny_family("wan-animate")
        ordered = order(family, num_frames=9, sampler="dpm++-2m-sde")
        expected = pixels_of(render(family, tmp_path, [ordered]))["r1"]
        engine = Engine(family, tmp_path)
        engine.admit(batch([ordered]))
        run(engine, steps=5)
        # when another engine goes on,
        [path] = saved_paths(engine).values()
        another = tiny_family("wan-animate")
        said = render(another, tmp_path, [with_checkpoint(ordered, path)])
        # then all of the clip is the same.
        assert np.array_equal(pixels_of(said)["r1"], expected)
        assert [message.first_step for message in said if isinstance(message, Rendered)] == [4]

    def test_memory_that_runs_out_between_two_segments_is_made_up_for(self, tmp_path: Path) -> None:
        # Given a VAE for which there is no memory once, as it encodes what the second segment follows,
        changes = {"num_frames": 9, "sampler": "dpm++-2m-sde"}
        family = tiny_family("wan-animate")
        expected = pixels_of(render(tiny_family("wan-animate"), tmp_path, [order(family, **changes)]))["r1"]
        prepare, tries = family.pipeline.prepare_pose_latents, []

        def short(*given: Any, **more: Any) -> Any:
            tries.append(1)
            if len(tries) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return prepare(*given, **more)

        family.pipeline.prepare_pose_latents = short
        # when the clip is rendered, then the last step of the first was taken once more, with the same noise behind it.
        assert np.array_equal(pixels_of(render(family, tmp_path, [order(family, **changes)]))["r1"], expected)
        assert len(tries) == 3

    def test_a_segment_waits_until_nobody_decodes(self, tmp_path: Path) -> None:
        # Given a thread that decodes one clip while another comes to its second segment,
        family = tiny_family("wan-animate")
        orders = [order(family, "short", num_inference_steps=2), order(family, "long", num_frames=9)]
        expected = {each.render_id: self.lone(tmp_path, each) for each in orders}
        decode, begin, inside = family.decode, family._begin_segment, []  # type: ignore[attr-defined]

        def slow(tracks: Any) -> Any:
            inside.append("decoding")
            time.sleep(0.2)
            made = decode(tracks)
            inside.append("decoded")
            return made

        def watched(track: Any) -> None:
            inside.append("segment")
            begin(track)

        family.decode, family._begin_segment = slow, watched  # type: ignore[method-assign, attr-defined]
        seen = watch_latents(family)
        engine = Engine(family, tmp_path, decode_beside=True)
        engine.admit(batch(orders))
        run(engine)
        # then it waits.
        assert inside == ["decoding", "decoded", "segment", "decoding", "decoded"]
        assert all(close(seen[name], latents) for name, latents in expected.items())

    def test_a_segment_that_is_no_numbers_fails_the_render(self, tmp_path: Path) -> None:
        family = tiny_family("wan-animate")
        advance = family.advance

        def spoilt(track: Any, prediction: torch.Tensor) -> None:
            advance(track, prediction * float("nan"))

        family.advance = spoilt  # type: ignore[method-assign]
        [failed] = [
            said for said in render(family, tmp_path, [order(family, num_frames=9)]) if isinstance(said, RenderFailed)
        ]
        assert "not numbers" in failed.reason

    def test_a_clip_that_is_gone_at_its_second_segment_can_be_tried_again(self, tmp_path: Path) -> None:
        family = tiny_family("wan-animate")
        ordered = order(family, num_frames=9)
        path = tmp_path / "pose.mkv"
        path.write_bytes(Path(ordered.inputs["pose_video"]).read_bytes())
        engine = Engine(family, tmp_path)
        engine.admit(batch([replace(ordered, inputs={**ordered.inputs, "pose_video": str(path)})]))
        run(engine, steps=2)
        path.unlink()
        [failed] = [said for said in run(engine) if isinstance(said, RenderFailed)]
        assert "'pose_video' cannot be read" in failed.reason
        assert not failed.hopeless

    @torch.no_grad()
    def test_previews_show_the_segments_before_too(self) -> None:
        family = tiny_family("wan-animate")
        prepared = family.prepare(order(family, num_frames=9))
        track = family.start(prepared, family.encode(prepared))
        assert family.preview(track).shape == (2, 4, 4, 3)
        for _ in range(3):
            family.advance(track, family.predict([track])[0])
        assert family.preview(track).shape == (4, 4, 4, 3)

    def test_what_the_pipeline_would_round_or_break_at_is_refused(self) -> None:
        family = tiny_family("wan-animate")
        with pytest.raises(Refused, match="4 k"):
            family.prepare(order(family, segment_frame_length=6))
        with pytest.raises(Refused, match="make no clip of 5"):
            family.prepare(order(family, segment_frame_length=13, prev_segment_conditioning_frames=5))
        with pytest.raises(Refused, match="a background and its mask"):
            family.prepare(order(family, mode="replace"))

    def test_a_clip_that_is_gone_broken_or_too_short_fails_that_render_alone(self, tmp_path: Path) -> None:
        family = tiny_family("wan-animate")
        (tmp_path / "text.mkv").write_text("no clip")
        good = order(family, "good")
        without = {name: path for name, path in good.inputs.items() if name != "face_video"}
        bad = [
            replace(good, render_id="absent", inputs=without),
            replace(good, render_id="broken", inputs={**good.inputs, "pose_video": str(tmp_path / "text.mkv")}),
            order(family, "short", num_frames=25, segment_frame_length=25),
        ]
        said = render(family, tmp_path, [*bad, good])
        failed = {message.render_id: message.reason for message in said if isinstance(message, RenderFailed)}
        assert "without the clip 'face_video'" in failed["absent"]
        assert "the clip 'pose_video' cannot be read" in failed["broken"]
        assert "fewer frames than the render takes of it" in failed["short"]
        assert [message.render_id for message in said if isinstance(message, Rendered)] == ["good"]

    def test_an_adapter_changes_the_layers_that_look_at_the_face_too_as_the_pipeline_loads_it(
        self, tmp_path: Path
    ) -> None:
        adapter_equals_pipeline(self.name, tmp_path, "face_adapter", num_frames=9)  # two segments
