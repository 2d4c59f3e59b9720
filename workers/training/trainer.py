"""Trains LoRAs with the parts of a loaded family: from pictures and captions to gradients, pass by pass."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from farm.params import RenderParameters
from farm.params.training.stored import SanaTrainingParameters, Training
from workers.denoising.checkpoint_file import Saved
from workers.denoising.samplers import build_sampler
from workers.denoising.track import Embeddings, Track
from workers.families.base import Family, Prepared, Refused
from workers.families.sana import SanaFamily
from workers.protocol import RenderOrder, training_picture
from workers.training.draws import chosen, generator
from workers.training.objective import Examples, flow_matching_loss
from workers.training.training_state import LoraTraining, lora_config
from workers.training.turns import Turn

#: What captions are left out for, by `caption_dropout`.
_NO_WORDS = ""


def start_training(family: Family, prepared: Prepared, embeddings: Embeddings) -> Track:
    """A track at the first pass of a training. Raises Refused.

    embeddings: of the prompt that the samples are drawn with.
    """
    parameters = prepared.parameters
    if not isinstance(family, SanaFamily) or not isinstance(parameters, SanaTrainingParameters):
        raise Refused(f"{family.entry.name} is of family '{family.entry.family}', of which no LoRA can be trained here")
    training = parameters.training
    sampling = _sampling(family, prepared, training)
    weights = _first_weights(family, prepared, training)
    state = LoraTraining(training, parameters.seed, weights, sampling.sigmas.tolist())
    noise = family.first_latents(prepared, family.new_generator(prepared))
    texts = _words(family, prepared, [*(picture.caption for picture in training.pictures), _NO_WORDS])
    conditions = {
        "latents": torch.cat([_latents(family, prepared, picture.image.sha256) for picture in training.pictures]),
        "text": torch.cat([text.text for text in texts]),
        "mask": torch.cat([_mask(text) for text in texts]),
        "sampling_timesteps": sampling.timesteps.to(family.device),
    }
    if training.with_prior_preservation:
        prompted = replace(prepared, parameters=parameters.model_copy(update={"prompt": training.class_prompt}))
        of_class = family.embed(prompted)
        conditions |= {f"class_{name}": value for name, value in vars(of_class).items() if value is not None}
    return Track(
        order=prepared.order,
        parameters=parameters,
        guided=prepared.guided,
        embeddings=embeddings,
        sampler=state,
        generator=family.new_generator(prepared),
        timesteps=torch.arange(training.passes, device=family.device),
        latents=noise,
        conditions=conditions,
    )


def restore_training(family: Family, prepared: Prepared, embeddings: Embeddings, saved: Saved) -> Track:
    """A training that goes on where the saved one was, to the bit. Raises BadCheckpoint, Refused."""
    track = start_training(family, prepared, embeddings)
    saved.put_into(track)
    track.sampler.to(family.device)
    return track


def predict(family: Family, track: Track) -> Tensor:
    """One pass of a training: its velocity where it draws, and else all gradients in a row with the loss behind them.

    Changes nothing in the track. Raises ValueError where the loss is no number.
    """
    family.adapters[None].use([])
    family.step_caches.use([track], family.transformer_of(track))
    state: LoraTraining = track.sampler
    now = state.pass_of(track.timesteps[track.step])
    if now.turn is Turn.TRAIN:
        return _gradients(family, track, state, now.step)
    shown = copy(track)
    shown.latents = state.before(now, track.latents)
    shown.timesteps, shown.step = track.conditions["sampling_timesteps"], now.step
    if now.turn is Turn.CLASS:
        shown.embeddings = _class_embeddings(track)
        return family.predict([shown])[0]
    with _lent(family, track, state):
        return family.predict([shown])[0]


def sample_tracks(track: Track) -> list[Track]:
    """The samples of a training that has ended, each as a track to be decoded."""
    shown = []
    for latents in track.sampler.pictures:
        one = copy(track)
        one.latents = latents
        shown.append(one)
    return shown


def _gradients(family: Family, track: Track, state: LoraTraining, taken: int) -> Tensor:
    training, transformer = state.plan, family.transformer_of(track)
    with torch.enable_grad(), _lent(family, track, state) as parameters:
        if training.gradient_checkpointing:
            transformer.enable_gradient_checkpointing()
        try:
            examples = _batch(track, state, taken)
            chance = generator(int(state.seed), "step", taken)
            shift = _shift(family, track.order, track.parameters)
            loss = flow_matching_loss(transformer, training, examples, shift, chance)
            found = torch.autograd.grad(loss, parameters)
        finally:
            if training.gradient_checkpointing:
                transformer.disable_gradient_checkpointing()
    value = loss.detach()
    if not torch.isfinite(value):
        raise ValueError(f"the loss of training step {taken + 1} is no number; try a smaller learning_rate")
    return torch.cat([*(gradient.flatten() for gradient in found), value.view(1)])


def _batch(track: Track, state: LoraTraining, taken: int) -> Examples:
    """The examples of one step; with prior preservation as many pictures of the class behind them."""
    training, own, seed = state.plan, track.conditions, int(state.seed)
    size, count = training.train_batch_size, len(training.pictures)
    rows = chosen(seed, "order", count, taken * size, size)
    dropped = torch.rand(size, generator=generator(seed, "captions", taken)) < training.caption_dropout
    words = [count if gone else row for row, gone in zip(rows, dropped.tolist(), strict=True)]
    examples = Examples(own["latents"][rows], own["text"][words], own["mask"][words])
    if not training.with_prior_preservation:
        return examples
    prior = chosen(seed, "class order", training.class_images, taken * size, size)
    return Examples(
        torch.cat([examples.latents, *(state.class_pictures[place] for place in prior)]),
        torch.cat([examples.text, own["class_text"].expand(size, -1, -1)]),
        torch.cat([examples.mask, own["class_mask"].expand(size, -1)]),
    )


def _lent(family: Family, track: Track, state: LoraTraining) -> Any:
    """The transformer with the LoRA as it is now."""
    slot = f"t{track.order.render_id.replace('-', '')}"
    weights = dict(zip(state.names, state.weights, strict=True))
    return family.adapters[None].lend(slot, lora_config(state.plan), weights)


def _first_weights(family: Family, prepared: Prepared, training: Training) -> dict[str, Tensor]:
    """As peft draws them, from the training's own seed: A is small noise and B is zero, so it changes nothing yet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(prepared.parameters.seed % 2**63)
        drawn = family.adapters[None].draw(lora_config(training))
    return {name: weight.to(family.device, torch.float32) for name, weight in drawn.items()}


def _sampling(family: Family, prepared: Prepared, training: Training) -> Any:
    """The course of a drawing: Euler's steps, which remember nothing."""
    sampler = build_sampler("euler", flow_shift=_shift(family, prepared.order, prepared.parameters))
    sampler.set_timesteps(training.validation_inference_steps, device=family.device)
    return sampler


def _shift(family: Family, order: RenderOrder, parameters: RenderParameters) -> float:
    asked: float | None = getattr(parameters, "flow_shift", None)
    return asked or family.entry.shift_for(order.width, order.height) or 1.0


def _words(family: Family, prepared: Prepared, captions: Sequence[str]) -> list[Embeddings]:
    """Each caption encoded alone, without guidance; and as a render that asks for it would have it."""
    plain = prepared.parameters.model_copy(update={"guidance_scale": 1.0})
    return [
        family.embed(replace(prepared, parameters=plain.model_copy(update={"prompt": caption}))) for caption in captions
    ]


def _mask(embeddings: Embeddings) -> Tensor:
    assert embeddings.mask is not None, "Sana's text has a mask"
    return embeddings.mask


def _class_embeddings(track: Track) -> Embeddings:
    own = track.conditions
    parts = {name: own.get(f"class_{name}") for name in ("mask", "negative", "negative_mask")}
    return Embeddings(own["class_text"], **parts)


def _latents(family: Family, prepared: Prepared, sha256: str) -> Tensor:
    """A picture as the transformer sees it, (1, channels, height / f, width / f), float32: scaled to cover the size
    that is trained at, the rest cut off on both sides.
    """
    pipeline, order = family.pipeline, prepared.order
    path = order.inputs.get(training_picture(sha256))
    if path is None:
        raise Refused("a picture to learn from could not be had; the worker's log says why")
    try:
        with Image.open(path) as picture:
            cut = ImageOps.fit(picture.convert("RGB"), (order.width, order.height), Image.Resampling.LANCZOS)
    except OSError as error:
        raise Refused(f"a picture to learn from cannot be read: {error}") from error
    seen = pipeline.image_processor.preprocess(cut, height=order.height, width=order.width)
    encoded = pipeline.vae.encode(seen.to(device=family.device, dtype=pipeline.vae.dtype)).latent
    latents: Tensor = encoded.float() * pipeline.vae.config.scaling_factor
    return latents
