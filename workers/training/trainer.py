"""Trains LoRAs with the parts of a loaded family: from examples to gradients, pass by pass.

The transformer is asked by the family itself, as for a render: what is learnt is what renders with the LoRA will see.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from farm.params.training.stored import Training
from farm.params.training.trained_families import training_of
from workers.denoising.checkpoint_file import Saved
from workers.denoising.track import Embeddings, Track
from workers.families.base import Family, Prepared, Refused
from workers.sharding.learning import Backward, checkpointing
from workers.training.draws import chosen, generator
from workers.training.objective import Example, Noised, flow_matching_loss
from workers.training.optimizers import lacking
from workers.training.training_set import make_training_set, on_device
from workers.training.training_state import LoraTraining, lora_config
from workers.training.turns import Turn


def start_training(family: Family, prepared: Prepared, embeddings: Embeddings) -> Track:
    """A track at the first pass of a training. Raises Refused.

    embeddings: of the prompt that the samples are drawn with.
    """
    training = training_of(prepared.parameters)
    if training is None or training.expert not in family.experts:
        raise Refused(f"{family.entry.name} is of family '{family.entry.family}', of which no LoRA is trained so")
    if lack := lacking(training):
        raise Refused(lack)
    sample = _sample(family, prepared, training, embeddings)
    weights = _first_weights(family, prepared, training)
    sigmas, timesteps = sample.sampler.sigmas.tolist(), sample.timesteps
    known = make_training_set(family, prepared, training, sample)
    seed = prepared.parameters.seed
    return Track(
        order=prepared.order,
        parameters=prepared.parameters,
        guided=prepared.guided,
        embeddings=embeddings,
        sampler=LoraTraining(training, seed, weights, sigmas, known),
        generator=family.new_generator(prepared),
        timesteps=torch.arange(training.passes, device=family.device),
        latents=sample.latents,
        conditions=sample.conditions | {"sampling_timesteps": timesteps},
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
    for adapters in family.adapters.values():
        adapters.use([])
    state: LoraTraining = track.sampler
    now = state.pass_of(track.timesteps[track.step])
    if now.turn is Turn.TRAIN:
        return _gradients(family, track, state, now.step)
    timestep, sigma = track.conditions["sampling_timesteps"][now.step], state.sampling_sigmas[now.step]
    shown = _at(track, state.before(now, track.latents), track.embeddings, timestep, sigma)
    shown.guided = track.guided
    if now.turn is Turn.CLASS and state.known.of_class is not None:
        shown.embeddings = on_device(state.known.of_class, family.device)
    family.step_caches.use([shown], family.transformer_of(shown))
    # Of two experts the other one has no LoRA that could be lent to it.
    lent: AbstractContextManager[Any] = nullcontext()
    if now.turn is Turn.SAMPLE and family.expert_of(shown) == state.plan.expert:
        lent = _lent(family, track, state)
    with lent:
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
    with torch.enable_grad(), _lent(family, track, state) as parameters, _step(family, track, state) as backward:

        def velocities(rows: Sequence[Noised]) -> list[Tensor]:
            return _velocities(family, track, rows)

        chance = generator(int(state.seed), "step", taken)
        loss = flow_matching_loss(velocities, state.plan, state.known, _batch(family, state, taken), chance)
        found = backward(loss, parameters)
    value = loss.detach()
    if not torch.isfinite(value):
        raise ValueError(f"the loss of training step {taken + 1} is no number; try a smaller learning_rate")
    return torch.cat([*(gradient.flatten() for gradient in found), value.view(1)])


@contextmanager
def _step(family: Family, track: Track, state: LoraTraining) -> Iterator[Backward]:
    """What makes gradients of the step's loss; by all ranks, where the transformer lies on several devices."""
    plan = state.plan
    component = family.experts[plan.expert]
    with checkpointing(getattr(family.pipeline, component), asked=plan.gradient_checkpointing):
        if family.ranks is None:
            yield torch.autograd.grad
            return
        lora = (_slot(track), lora_config(plan), state.named_weights)
        with family.ranks.learning(component, *lora, plan.gradient_checkpointing) as backward:
            yield backward


def _velocities(family: Family, track: Track, rows: Sequence[Noised]) -> list[Tensor]:
    """What the transformer says of each row; those of equal shapes share a pass, as pictures and clips cannot."""
    shown = [_at(track, row.latents, row.example.text, row.timestep, row.sigma) for row in rows]
    for one, row in zip(shown, rows, strict=True):
        one.conditions = dict(row.example.conditions)
    found: dict[int, Tensor] = {}
    for shape in dict.fromkeys(row.latents.shape for row in rows):
        places = [place for place, row in enumerate(rows) if row.latents.shape == shape]
        alike = [shown[place] for place in places]
        family.step_caches.use(alike, family.transformer_of(alike[0]))
        found |= dict(zip(places, family.predict(alike), strict=True))
    return [found[place] for place in range(len(rows))]


def _at(track: Track, latents: Tensor, text: Embeddings, timestep: Tensor, sigma: float) -> Track:
    """The track as a render that has one step, at this level of noise, without guidance."""
    shown = copy(track)
    shown.latents, shown.embeddings, shown.guided = latents, text, False
    shown.timesteps, shown.step, shown.schedule = timestep.view(1), 0, [(float(timestep), sigma)]
    return shown


def _batch(family: Family, state: LoraTraining, taken: int) -> list[Example]:
    """The examples of one step; with prior preservation as many pictures of the class behind them."""
    training, known, seed = state.plan, state.known, int(state.seed)
    size, count = training.train_batch_size, len(known.latents)
    rows = chosen(seed, "order", count, taken * size, size)
    dropped = torch.rand(size, generator=generator(seed, "captions", taken)) < training.caption_dropout
    words = [count if gone else row for row, gone in zip(rows, dropped.tolist(), strict=True)]
    examples = [
        Example(
            known.latents[row].to(family.device),
            on_device(known.texts[word], family.device),
            {name: tensor.to(family.device) for name, tensor in known.conditions[row].items()},
        )
        for row, word in zip(rows, words, strict=True)
    ]
    if known.of_class is None:
        return examples
    text = on_device(known.of_class, family.device)
    prior = chosen(seed, "class order", training.class_images, taken * size, size)
    return examples + [Example(state.class_pictures[place], text) for place in prior]


def _lent(family: Family, track: Track, state: LoraTraining) -> AbstractContextManager[Any]:
    """The transformer that learns, with the LoRA as it is now."""
    return family.adapters[state.plan.expert].lend(_slot(track), lora_config(state.plan), state.named_weights)


def _slot(track: Track) -> str:
    return f"t{track.order.render_id.replace('-', '')}"


def _first_weights(family: Family, prepared: Prepared, training: Training) -> dict[str, Tensor]:
    """As peft draws them, from the training's own seed: A is small noise and B is zero, so it changes nothing yet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(prepared.parameters.seed % 2**63)
        drawn = family.adapters[training.expert].draw(lora_config(training))
    return {name: weight.to(family.device, torch.float32) for name, weight in drawn.items()}


def _sample(family: Family, prepared: Prepared, training: Training, embeddings: Embeddings) -> Track:
    """A sample at its first step: Euler's steps, which remember nothing."""
    steps = {"num_inference_steps": training.validation_inference_steps}
    return family.start(replace(prepared, parameters=prepared.parameters.model_copy(update=steps)), embeddings)
