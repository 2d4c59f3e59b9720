"""`farm demo` says that all is right only when it is."""

import hashlib
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from farm.client import Render
from farm.client.files.file_names import file_name
from farm.demo.demo_jobs import Stop, plan_tour
from farm.demo.inspection import Finding, inspect
from farm.demo.pairs import Pair, Thing, draw
from farm.demo.rates import NoRates, Rates, read_rates
from farm.demo.scenes import Scene, draw_clip, draw_picture
from farm.manifest import Environment, Manifest, ModelFacts, OutputFacts, StepFacts

PERFECT = Rates(captions=64, num_inference_steps=20, guidance_scale=4.5, attributes={}, all=1.0)


class TestRates:
    @given(st.floats(0, 1), st.integers(1, 200), st.integers(8, 1000))
    def test_what_is_asked_for_can_be_reached(self, rate: float, count: int, captions: int) -> None:
        least = PERFECT.model_copy(update={"all": rate, "captions": captions}).least_right(count)

        assert 0 <= least <= count
        assert least <= max(rate, 0.5) * count + 1

    def test_chance_weighs_less_the_more_pictures_there_are(self) -> None:
        rates = PERFECT.model_copy(update={"all": 0.9})

        assert [rates.least_right(count) / count > 0.9 - slack for count, slack in ((10, 0.25), (1000, 0.06))] == [
            True,
            True,
        ]
        assert rates.least_right(1000) < 900

    def test_a_model_as_good_as_its_card_passes_and_a_worse_one_does_not(self) -> None:
        rng = random.Random(1)
        rates = PERFECT.model_copy(update={"all": 0.95})
        least = rates.least_right(24)

        def passes(true_rate: float) -> float:
            runs = [sum(rng.random() < true_rate for _ in range(24)) >= least for _ in range(2000)]
            return sum(runs) / len(runs)

        assert passes(0.95) > 0.98
        assert passes(0.5) < 0.01

    def test_a_model_without_rates_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NoRates, match=r"rates\.json"):
            read_rates(tmp_path)
        (tmp_path / "rates.json").write_text("{}")
        with pytest.raises(NoRates, match="all"):
            read_rates(tmp_path)


class TestTour:
    def test_three_picture_models_and_a_clip_model_are_asked_in_two_languages(self) -> None:
        stops = plan_tour(pictures=8, clips=2)

        assert [(stop.model, len(stop.prompts), stop.clip) for stop in stops] == [
            ("sana-demo", 8, False),
            ("sana-pair-demo", 4, False),
            ("sprint-demo", 8, False),
            ("wan-demo", 2, True),
        ]
        for stop in stops:
            assert sum(not prompt.isascii() for prompt in stop.prompts) == len(stop.prompts) // 2

    @pytest.mark.parametrize("pictures", [4, 24, 200])
    def test_as_many_are_asked_for_as_wished(self, pictures: int) -> None:
        asked = {stop.model: len(stop.scenes) for stop in plan_tour(pictures, clips=1)}
        pairs = max(4, pictures // 4)
        assert asked == {"sana-demo": pictures, "sana-pair-demo": pairs, "sprint-demo": pictures, "wan-demo": 1}


RED = Scene("circle", "red", "blue", "centre", "large")
MOVING = Scene("circle", "red", "blue", motion="right")


def write_clip(path: Path, frames: list[Image.Image]) -> None:
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x64", "-r", "8", "-i", "-"]
    encode = [get_ffmpeg_exe(), "-v", "error", "-y", *raw, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(encode, input=b"".join(frame.tobytes() for frame in frames), check=True)


def rendered(folder: Path, index: int, scene: Scene, *, clip: bool = False, batch_size: int = 8) -> Render:
    """A render as it comes from a farm, with its files in the folder."""
    content_types = ["video/mp4" if clip else "image/png", "image/webp", "application/json"]
    artifacts = [
        {"kind": kind, "content_type": content_type, "size": 1, "sha256": "", "url": ""}
        for kind, content_type in zip(("output", "thumbnail", "manifest"), content_types, strict=True)
    ]
    size = 64 if clip else 128
    parameters: dict[str, Any] = {"prompt": f"prompt {index}", "seed": 1, "width": size, "height": size}
    if clip:
        parameters["num_frames"] = 9
    render = Render.model_validate(
        {
            "id": f"render-{index}",
            "job_id": "j1",
            "index": index,
            "status": "done",
            "parameters": parameters,
            "artifacts": artifacts,
        }
    )
    output, thumbnail, manifest = (folder / file_name(render, artifact) for artifact in render.artifacts or [])
    if clip:
        write_clip(output, draw_clip(scene))
    else:
        draw_picture(scene).save(output)
    thumbnail.write_bytes(b"small")
    manifest.write_text(manifest_of(render, output, batch_size).model_dump_json())
    return render


def manifest_of(render: Render, output: Path, batch_size: int) -> Manifest:
    content = output.read_bytes()
    return Manifest(
        render_id=render.id,
        job_id=render.job_id,
        index=render.index,
        attempt=1,
        model=ModelFacts(
            name="sana-demo", family="sana", source="here", revision=None, precision="fp32", weight_sha256={}
        ),
        parameters=render.parameters,
        rendered_width=128,
        rendered_height=128,
        rendered_frames=1,
        steps=[StepFacts(timestep=1.0, sigma=1.0, batch_size=batch_size, row=0, guided=batch_size)],
        decode_batch_size=1,
        decode_row=0,
        environment=Environment(device="cpu", torch_threads=1, versions={}),
        output=OutputFacts(
            filename=output.name,
            content_type="image/png",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            pixels_sha256="",
        ),
        gpu_seconds=1.0,
        finished_at="2026-11-23T15:00:00.123Z",
    )


def of(folder: Path, render: Render, kind: str) -> Path:
    [artifact] = [artifact for artifact in render.artifacts or [] if artifact.kind == kind]
    return folder / file_name(render, artifact)


class TestInspection:
    @pytest.fixture
    def look(self, tmp_path: Path) -> Callable[[list[Render]], Finding]:
        def look(renders: list[Render]) -> Finding:
            stop = Stop("sana-demo", {str(render.parameters["prompt"]): RED for render in renders})
            return inspect(stop, renders, tmp_path, PERFECT)

        return look

    def test_pictures_that_show_what_was_asked_are_right(
        self, look: Callable[[list[Render]], Finding], tmp_path: Path
    ) -> None:
        found = look([rendered(tmp_path, index, RED) for index in range(4)])

        assert (found.wrong, found.outputs, found.right, found.largest_batch) == ([], 4, 4, 8)

    def test_two_shapes_are_right_only_where_they_stand_as_asked(self, tmp_path: Path) -> None:
        asked = Pair(Thing("circle", "red", "small"), Thing("square", "blue", "small"), "left", "white")
        renders = [rendered(tmp_path, index, RED) for index in range(4)]
        stop = Stop("sana-pair-demo", {str(render.parameters["prompt"]): asked for render in renders})
        for render, pair in zip(renders, [asked, asked, asked.turned(), replace(asked, relation="right")], strict=True):
            draw(pair, 128).save(of(tmp_path, render, "output"))

        assert inspect(stop, renders, tmp_path, PERFECT).right == 3

    def test_too_many_wrong_pictures_are_told(self, look: Callable[[list[Render]], Finding], tmp_path: Path) -> None:
        green = Scene("star", "green", "white", "top left", "small")
        found = look([rendered(tmp_path, index, green if index else RED) for index in range(4)])

        assert found.right == 1
        assert "only 1 of 4" in " ".join(found.wrong)

    def test_renders_one_by_one_are_no_batch(self, look: Callable[[list[Render]], Finding], tmp_path: Path) -> None:
        found = look([rendered(tmp_path, index, RED, batch_size=1) for index in range(4)])

        assert found.wrong == ["no two renders shared a pass"]

    @pytest.mark.parametrize("kind", ["output", "thumbnail", "manifest"])
    def test_a_file_that_is_missing_is_told(
        self, look: Callable[[list[Render]], Finding], tmp_path: Path, kind: str
    ) -> None:
        renders = [rendered(tmp_path, index, RED) for index in range(4)]
        of(tmp_path, renders[2], kind).unlink()

        found = look(renders)

        assert found.outputs == 3
        assert f"lacks {kind}" in " ".join(found.wrong)

    def test_a_render_that_is_not_done_is_told(self, look: Callable[[list[Render]], Finding], tmp_path: Path) -> None:
        renders = [rendered(tmp_path, index, RED) for index in range(4)]
        renders[1] = renders[1].model_copy(update={"status": "failed", "artifacts": []})

        assert any("failed" in fault for fault in look(renders).wrong)

    def test_a_manifest_of_another_file_is_told(self, look: Callable[[list[Render]], Finding], tmp_path: Path) -> None:
        renders = [rendered(tmp_path, index, RED) for index in range(4)]
        draw_picture(RED, rng=random.Random(1)).save(of(tmp_path, renders[0], "output"))
        of(tmp_path, renders[1], "manifest").write_bytes(of(tmp_path, renders[2], "manifest").read_bytes())

        wrong = look(renders).wrong

        assert any("tells of another file" in fault for fault in wrong)
        assert any("of another render" in fault for fault in wrong)

    def test_what_cannot_be_read_is_told_and_is_no_traceback(
        self, look: Callable[[list[Render]], Finding], tmp_path: Path
    ) -> None:
        renders = [rendered(tmp_path, index, RED) for index in range(4)]
        of(tmp_path, renders[0], "output").write_bytes(b"not a picture")
        of(tmp_path, renders[1], "manifest").write_text("{}")

        assert len([fault for fault in look(renders).wrong if "cannot be read" in fault]) == 2

    def test_a_picture_of_another_size_is_told(self, look: Callable[[list[Render]], Finding], tmp_path: Path) -> None:
        renders = [rendered(tmp_path, index, RED) for index in range(4)]
        output = of(tmp_path, renders[0], "output")
        draw_picture(RED, 64, 128).save(output)
        of(tmp_path, renders[0], "manifest").write_text(manifest_of(renders[0], output, 8).model_dump_json())

        assert any("64 x 128" in fault for fault in look(renders).wrong)


class TestClips:
    def test_a_clip_is_decoded_and_its_frames_are_counted(self, tmp_path: Path) -> None:
        render = rendered(tmp_path, 0, MOVING, clip=True, batch_size=1)

        found = inspect(Stop("wan-demo", {"prompt 0": MOVING}, clip=True), [render], tmp_path, PERFECT)

        assert (found.wrong, found.right) == ([], 1)

    @pytest.mark.parametrize("frames", [5, 0], ids=["too short", "not a clip"])
    def test_a_clip_that_does_not_play_to_its_end_is_told(self, tmp_path: Path, frames: int) -> None:
        render = rendered(tmp_path, 0, MOVING, clip=True)
        output = of(tmp_path, render, "output")
        if frames:
            write_clip(output, draw_clip(MOVING, frames=frames))
        else:
            output.write_bytes(b"\0\0\0\x18ftypmp42 and nothing else")
        of(tmp_path, render, "manifest").write_text(manifest_of(render, output, 1).model_dump_json())

        found = inspect(Stop("wan-demo", {"prompt 0": MOVING}, clip=True), [render], tmp_path, PERFECT)

        assert ("5 frames" if frames else "cannot be read") in " ".join(found.wrong)
