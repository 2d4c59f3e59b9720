"""What a training learns from: pictures and clips as latents, their captions as embeddings, the levels of noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from farm.params.checks.clip_frames import frames_taken
from farm.params.request.base import ClipRef, InputRef
from farm.params.training.stored import Training
from farm.params.training.trained_families import TRAINED
from workers.denoising.samplers import build_sampler
from workers.denoising.track import Embeddings, Track
from workers.families.base import Family, Prepared, Refused
from workers.families.condition_clips import read_frames
from workers.families.video_latents import encoded
from workers.protocol import training_example

#: What captions are left out for, by `caption_dropout`.
_NO_WORDS = ""


@dataclass(frozen=True)
class TrainingSet:
    """All of it in host memory: a step takes a few examples to the device.

    latents: of each example, float32, (1, channels, height, width) of pictures of models of pictures and else
    (1, channels, frames, height, width). conditions: of each, of models whose clips begin with a picture those of a
    render that begins with its first frame. texts: of each example, and the one of no words behind them.
    timesteps, sigmas: the levels of noise that may be drawn, the noisiest first; schedule: the configuration of the
    sampler that has them.
    """

    latents: list[Tensor]
    conditions: list[dict[str, Tensor]]
    texts: list[Embeddings]
    timesteps: Tensor
    sigmas: Tensor
    schedule: Any
    of_class: Embeddings | None  # of the prompt of prior preservation


def make_training_set(family: Family, prepared: Prepared, training: Training, sample: Track) -> TrainingSet:
    """Encode everything that a training learns from, once. Raises Refused.

    sample: one of the training's samples at its first step.
    """
    captions = [*(caption for _, caption in training.examples), _NO_WORDS]
    timesteps, sigmas = _levels(family, training, sample)
    begins = TRAINED[family.entry.family].first_frames
    latents, conditions = [], []
    for known, _ in training.examples:
        frames = _frames(prepared, known)
        latents.append(_latents(family, prepared, frames))
        conditions.append(_conditions(family, prepared, frames[0]) if begins else {})
    return TrainingSet(
        latents=latents,
        conditions=conditions,
        texts=[_on_host(text) for text in _words(family, prepared, captions)],
        timesteps=timesteps,
        sigmas=sigmas,
        schedule=sample.sampler.config,
        of_class=_of_class(family, prepared, training),
    )


def on_device(text: Embeddings, device: torch.device) -> Embeddings:
    """The same embeddings there."""
    others = (text.mask, text.negative, text.negative_mask)
    return Embeddings(text.text.to(device), *(None if part is None else part.to(device) for part in others))


def _on_host(text: Embeddings) -> Embeddings:
    return on_device(text, torch.device("cpu"))


def _words(family: Family, prepared: Prepared, captions: Sequence[str]) -> list[Embeddings]:
    """Each caption encoded alone, without guidance; and as a render that asks for it would have it."""
    plain = prepared.parameters.model_copy(update={"guidance_scale": 1.0})
    return [
        family.embed(replace(prepared, parameters=plain.model_copy(update={"prompt": caption}))) for caption in captions
    ]


def _of_class(family: Family, prepared: Prepared, training: Training) -> Embeddings | None:
    """As the pictures of the class are drawn by: with guidance, where samples have it."""
    if not training.with_prior_preservation:
        return None
    parameters = prepared.parameters.model_copy(update={"prompt": training.class_prompt})
    return _on_host(family.embed(replace(prepared, parameters=parameters)))


def _levels(family: Family, training: Training, sample: Track) -> tuple[Tensor, Tensor]:
    """Timesteps and sigmas of the shifted schedule; of a model with two experts those of the one that learns."""
    schedule = build_sampler("euler", flow_shift=float(sample.sampler.config.shift))
    if training.expert is None:
        return schedule.timesteps, schedule.sigmas
    own = []
    for place, level in enumerate(zip(schedule.timesteps.tolist(), schedule.sigmas.tolist(), strict=True)):
        sample.schedule, sample.step = [level], 0
        if family.expert_of(sample) == training.expert:
            own.append(place)
    return schedule.timesteps[own], schedule.sigmas[own]


def _frames(prepared: Prepared, known: InputRef) -> list[Image.Image]:
    """A picture or clip scaled to cover the size that is trained at, the rest cut off on both sides. Of a clip the
    frames from its first on, at the rate of the samples; a picture is a clip of one.
    """
    order = prepared.order
    path = order.inputs.get(training_example(known.sha256))
    if path is None:
        raise Refused("a picture or clip to learn from could not be had; the worker's log says why")
    pictures = _clip(prepared, Path(path), known) if isinstance(known, ClipRef) else [_picture(path)]
    return [ImageOps.fit(picture, (order.width, order.height), Image.Resampling.LANCZOS) for picture in pictures]


def _latents(family: Family, prepared: Prepared, frames: Sequence[Image.Image]) -> Tensor:
    """Frames as the transformer sees them."""
    pipeline, order = family.pipeline, prepared.order
    size: dict[str, Any] = {"height": order.height, "width": order.width}
    if hasattr(pipeline, "video_processor"):
        pixels = pipeline.video_processor.preprocess_video(list(frames), **size)
        return encoded(pipeline, pixels.to(family.device)).cpu()
    seen = pipeline.image_processor.preprocess(frames[0], **size)
    found = pipeline.vae.encode(seen.to(device=family.device, dtype=pipeline.vae.dtype)).latent
    latents: Tensor = found.float() * pipeline.vae.config.scaling_factor
    return latents.cpu()


def _conditions(family: Family, prepared: Prepared, first: Image.Image) -> dict[str, Tensor]:
    """What the model is given of a render that begins with this frame."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "first.png"
        first.save(path)
        order = replace(prepared.order, inputs={**prepared.order.inputs, "image": str(path)})
        found = family.conditions(replace(prepared, order=order))
    return {name: tensor.cpu() for name, tensor in found.items()}


def _picture(path: str) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise Refused(f"a picture to learn from cannot be read: {error}") from error


def _clip(prepared: Prepared, path: Path, clip: ClipRef) -> list[Image.Image]:
    fps: int = getattr(prepared.parameters, "fps")  # noqa: B009  (of models of clips)
    taken = frames_taken(prepared.parameters.frames, fps, clip.frame_rate)
    found = read_frames(path, "to learn from", taken)
    return [found[place] for place in taken]
