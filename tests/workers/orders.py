"""Renders to order in the engine's tests, and a loop that takes them to their end."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import SanaImageToVideoPipeline, SanaSprintImg2ImgPipeline, WanImageToVideoPipeline
from PIL import Image

from farm.params import parse_parameters, shape_of
from farm.params.pictures import stored_pictures
from farm.params.request.base import PICTURES, InputRef
from tests.workers import tiny_pipelines
from tests.workers.pictures import clip_pixels, clip_ref, input_file, picture_ref
from workers.denoising.samplers import build_sampler, is_stochastic
from workers.denoising.track import Pixels, Track
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.families.family_registry import find_family
from workers.pipelines.load import load
from workers.protocol import BatchEnded, Checkpointed, FromEngine, RenderBatch, Rendered, RenderOrder

CPU = torch.device("cpu")
#: Families of two experts.
EXPERTS = ("wan22", "wan22-i2v")
BEGIN_WITH_A_PICTURE = ("wan-animate", "wan-i2v", "wan-flf2v", "wan22-i2v")

#: Every kind of render: its family, and what it asks for beside the family's defaults.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "sana": ("sana", {}),
    "sana-controlnet": ("sana-controlnet", {}),
    "sana-video": ("sana-video", {}),
    "sana-video from a picture": ("sana-video", {"image": picture_ref()}),
    "sana-video 720p": ("sana-video-720p", {}),
    "sana-video 720p from a picture": ("sana-video-720p", {"image": picture_ref()}),
    "sprint": ("sprint", {}),
    "sprint from a picture": ("sprint", {"image": picture_ref(), "strength": 0.6}),  # leaves out one step of four
    "wan": ("wan", {}),
    "wan-animate": ("wan-animate", {}),
    "wan-animate in segments": ("wan-animate", {"num_frames": 9}),
    "wan-animate that replaces": (
        "wan-animate",
        {"mode": "replace", "background_video": clip_ref(2), "mask_video": clip_ref(1), "num_frames": 13},
    ),
    "wan-i2v": ("wan-i2v", {}),
    "wan-flf2v": ("wan-flf2v", {}),
    "wan-vace": ("wan-vace", {}),
    "wan-vace of a clip": ("wan-vace", {"video": clip_ref(), "mask": clip_ref(1), "reference_images": [picture_ref()]}),
    "wan-vace of a first frame": ("wan-vace", {"video": picture_ref(), "conditioning_scale": 0.7}),
    "wan22": ("wan22", {}),
    "wan22-i2v": ("wan22-i2v", {}),
    "wan22-i2v to a last picture": ("wan22-i2v", {"last_image": picture_ref(3)}),
    "wan22-ti2v": ("wan22-ti2v", {}),
    "wan22-ti2v from a picture": ("wan22-ti2v", {"image": picture_ref()}),
}


def parameters(family: str, **changes: Any) -> dict[str, Any]:
    """Complete parameters of a small render, as `renders.parameters` holds them."""
    values: dict[str, Any] = {
        "family": family,
        "prompt": "a red fox",
        "seed": 11,
        "width": 32,
        "height": 32,
        "num_inference_steps": tiny_pipelines.STEPS[family],
        "guidance_scale": 5.3,  # no power of two, so that rounding shows
        "sampler": tiny_pipelines.SAMPLERS[family][0],
        "max_sequence_length": tiny_pipelines.MORE_TOKENS.get(family, tiny_pipelines.TOKENS),
    }
    if not family.startswith("wan"):
        values["complex_human_instruction"] = False
    if family != "sprint":
        values |= {"negative_prompt": "grey", "flow_shift": 3.0}
    if family in tiny_pipelines.CLIPS:
        values |= {"num_frames": 5, "fps": 8}
    if family in EXPERTS:
        values["guidance_scale_2"] = 2.9
    if family in BEGIN_WITH_A_PICTURE:
        values["image"] = picture_ref()
    if family == "wan-animate":
        values |= {"pose_video": clip_ref(), "face_video": clip_ref(1), "mode": "animate"}
        values |= {"segment_frame_length": 5, "prev_segment_conditioning_frames": 1}
    if family == "wan-flf2v":
        values["last_image"] = picture_ref(3)
    if family == "sana-controlnet":
        values |= {"control_image": picture_ref(), "controlnet_conditioning_scale": 0.7}
    return values | changes


def order(family: Family, render_id: str = "r1", attempt: int = 1, **changes: Any) -> RenderOrder:
    """An order for that family's model, in the shape that the farm would store."""
    clip = {"num_frames": family.entry.defaults["num_frames"]} if family.entry.family in tiny_pipelines.CLIPS else {}
    values = parameters(family.entry.family, **clip | changes)
    shape = shape_of(parse_parameters(values), family.entry)
    inputs = {name: input_file(ref) for name, ref in stored_pictures(values).items()}
    return RenderOrder(render_id, attempt, "job", values, shape.width, shape.height, shape.frames, inputs=inputs)


def tiny_family(name: str, **changes: Any) -> Family:
    """The family around a fresh tiny pipeline in float32; `changes` are to its catalog entry."""
    pipeline = tiny_pipelines.build(name, sample_size=changes.pop("sample_size", 2))
    return find_family(tiny_pipelines.family_of(name))(pipeline, tiny_pipelines.entry(name, **changes), CPU)


def loaded_family(name: str, folder: Path, dtype: str) -> Family:
    """The family as a worker loads it from a folder; the VAE of clips stays in float32, as their models ask."""
    dtypes = {"default": dtype} | ({"vae": "float32"} if name in tiny_pipelines.CLIPS else {})
    return load(tiny_pipelines.entry(name, folder, dtype=dtypes), None, CPU).family


def family_in(dtype: str, name: str, tiny_folder: Callable[[str], Path]) -> Family:
    """A fresh family in that dtype; in float32 as it is built, which is quicker than loading the same from a folder."""
    return tiny_family(name) if dtype == "float32" else loaded_family(name, tiny_folder(name), dtype)


def batch(orders: Sequence[RenderOrder], batch_id: str = "b1") -> RenderBatch:
    return RenderBatch(batch_id, list(orders))


def run(engine: Engine, *, steps: int = 10_000) -> list[FromEngine]:
    """Turn the loop until the engine is idle, or that many times; everything it said."""
    said: list[FromEngine] = []
    while not engine.idle and steps > 0:
        said.extend(engine.step())
        steps -= 1
    return said


def render(family: Family, spool: Path, orders: Sequence[RenderOrder]) -> list[FromEngine]:
    """Admit all together and run to the end."""
    engine = Engine(family, spool)
    engine.admit(batch(orders))
    said = run(engine)
    assert isinstance(said[-1], BatchEnded)
    return said


def saved_paths(engine: Engine, render_ids: list[str] | None = None) -> dict[str, str]:
    """The checkpoints that an engine writes now, by render id."""
    said = engine.save_checkpoints(render_ids)
    return {message.render_id: message.path for message in said if isinstance(message, Checkpointed)}


def with_checkpoint(ordered: RenderOrder, path: str) -> RenderOrder:
    """The next attempt at the same render, to go on from there."""
    return replace(ordered, attempt=ordered.attempt + 1, checkpoint=path)


def aligned(family: Family) -> Family:
    """The same with weights that lie as torch lays them, for a comparison to the bit: on some processors last bits
    depend on how weights are aligned, and those of a mapped file lie where its header ends.
    """
    for module in family.pipeline.components.values():
        if isinstance(module, torch.nn.Module):
            for weights in module.parameters():
                if type(weights) is torch.nn.Parameter:  # neither quantized nor a rank's part
                    weights.data = weights.data.clone()
    return family


def watch_latents(family: Family) -> dict[str, torch.Tensor]:
    """From here on, what the VAE is given, by render id."""
    seen: dict[str, torch.Tensor] = {}
    decode = family.decode

    def watched(tracks: Sequence[Track]) -> list[Pixels | None]:
        for track in tracks:
            seen[track.order.render_id] = family.final_latents(track).clone()
        return decode(tracks)

    family.decode = watched  # type: ignore[method-assign]
    return seen


def pixels_of(said: Sequence[FromEngine]) -> dict[str, Pixels]:
    """What was rendered, by render id."""
    return {message.render_id: np.load(message.pixels_path) for message in said if isinstance(message, Rendered)}


def call_pipeline(family: Family, values: dict[str, Any], output_type: str) -> Any:
    """What diffusers itself makes of the same parameters: the reference."""
    pipeline, arguments = _asked_of_pipeline(family, values)
    if values["family"] == "wan-animate" and output_type == "latent":
        return _last_latents(pipeline, arguments, output_type)[0]
    made = pipeline(**arguments, output_type=output_type)[0]
    # The latents of reference pictures come with the others here; pixels without them.
    return made[:, :, len(values.get("reference_images", ())) :] if output_type == "latent" and made.ndim == 5 else made


def latents_and_pixels(family: Family, values: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """Both that diffusers itself makes of the same parameters; of Animate, the slowest, in one call."""
    if values["family"] != "wan-animate":
        return call_pipeline(family, values, "latent"), call_pipeline(family, values, "np")
    return _last_latents(*_asked_of_pipeline(family, values), "np")


def _asked_of_pipeline(family: Family, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The pipeline with its sampler, and all that it is called with."""
    pipeline = _pipeline_for(family, values)
    names = ["prompt", "width", "height", "num_inference_steps", "guidance_scale", "max_sequence_length"]
    names += ["negative_prompt"] if "negative_prompt" in values else []
    names += ["guidance_scale_2"] if "guidance_scale_2" in values else []
    names += ["strength"] if values.get("strength") else []
    names += ["controlnet_conditioning_scale"] if "controlnet_conditioning_scale" in values else []
    arguments = {name: values[name] for name in names}
    if values["family"] == "wan-animate":
        arguments |= animate_arguments(values)
    elif "num_frames" in values:
        arguments["frames" if values["family"] == "sana-video" else "num_frames"] = values["num_frames"]
    for name in PICTURES:
        if values.get(name):
            arguments[name] = Image.open(input_file(InputRef.model_validate(values[name])))
    if values["family"] == "wan-vace":
        arguments |= vace_arguments(values)
    if "complex_human_instruction" in values:
        arguments["use_resolution_binning"] = family.entry.bins is not None
        if not values["complex_human_instruction"]:
            arguments["complex_human_instruction"] = None
    if values["family"] == "sprint" and values["num_inference_steps"] != 2:
        arguments["intermediate_timesteps"] = None
    generator = torch.Generator("cpu").manual_seed(values["seed"])
    pipeline.scheduler = build_sampler(values["sampler"], flow_shift=values.get("flow_shift") or 1.0)
    if values["family"].startswith("wan") and is_stochastic(values["sampler"]):
        # Wan's pipelines forget to hand their generator to the sampler, which would draw from the global state.
        pipeline.scheduler.step = partial(pipeline.scheduler.step, generator=generator)
    return pipeline, arguments | {"generator": generator}


def animate_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """What Animate's pipeline is given: frames as they are, one for each of the render, chosen by their time."""
    names = ("mode", "segment_frame_length", "prev_segment_conditioning_frames")
    found: dict[str, Any] = {name: values[name] for name in names}
    for name in ("pose_video", "face_video", "background_video", "mask_video"):
        if values.get(name):
            found[name] = _frames_for(values, name)
    return found


def _frames_for(values: dict[str, Any], name: str, mode: str = "RGB") -> list[Image.Image]:
    """For each frame of the render that of the clip at its time; of a picture always the same."""
    ref, count = values[name], values["num_frames"]
    if "frames" not in ref:
        return [Image.open(input_file(InputRef.model_validate(ref))).convert(mode)] * count
    frames = [Image.fromarray(pixels).convert(mode) for pixels in clip_pixels(int(ref["id"].split("-")[1]))]
    rate = ref["frame_rate"] / values["fps"]
    return [frames[int(place * rate + 0.5)] for place in range(count)]


def _last_latents(pipeline: Any, arguments: dict[str, Any], output_type: str) -> tuple[torch.Tensor, Any]:
    """The latents of the last segment as they come out of its last step, without the character's frame, and the output:
    latents that the pipeline gives as its output are scaled already.
    """
    seen: list[torch.Tensor] = []

    def look(_pipeline: Any, _step: int, _time: Any, told: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen.append(told["latents"].clone())
        return {}

    made = pipeline(**arguments, output_type=output_type, callback_on_step_end=look)[0]
    return seen[-1][:, :, 1:], made


def vace_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """What VACE's pipeline is given: frames in the rendered size, one for each of the render, chosen by their time."""
    size, count = (values["width"], values["height"]), values["num_frames"]
    found: dict[str, Any] = {"conditioning_scale": values.get("conditioning_scale", 1.0)}
    for name, mode in (("video", "RGB"), ("mask", "L")):
        if values.get(name):
            frames = _frames_for(values, name, mode)
            found[name] = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    if values.get("video") and "frames" not in values["video"]:
        # As the pipeline's documentation begins a clip with a picture.
        found["video"][1:] = [Image.new("RGB", size, (128, 128, 128))] * (count - 1)
        first = found.get("mask", [Image.new("L", size, 0)])[0]
        found["mask"] = [first, *[Image.new("L", size, 255)] * (count - 1)]
    if values.get("reference_images"):
        files = [input_file(InputRef.model_validate(ref)) for ref in values["reference_images"]]
        found["reference_images"] = [Image.open(file).convert("RGB") for file in files]
    return found


def _pipeline_for(family: Family, values: dict[str, Any]) -> Any:
    """The pipeline that diffusers has for these parameters, around the family's own parts."""
    if not values.get("image") or values["family"] in BEGIN_WITH_A_PICTURE:
        return family.pipeline
    kinds: dict[str, Any] = {
        "sprint": SanaSprintImg2ImgPipeline,
        "sana-video": SanaImageToVideoPipeline,
        "wan22-ti2v": partial(WanImageToVideoPipeline, expand_timesteps=True),
    }
    pipeline = kinds[values["family"]](**family.pipeline.components)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
