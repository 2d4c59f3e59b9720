"""The loss of one step: flow matching, as the training scripts of diffusers have it.

x = (1 - s) x0 + s e, and the transformer is to say e - x0 (`examples/dreambooth/train_dreambooth_lora_sana.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from diffusers.training_utils import compute_density_for_timestep_sampling, compute_loss_weighting_for_sd3
from torch import Tensor

from farm.params.training.stored import Training
from workers.denoising.track import Embeddings
from workers.training.training_set import TrainingSet

#: Of `logit_normal` and `mode`, as the scripts have them where nobody says otherwise.
_LOGIT_MEAN, _LOGIT_STD, _MODE_SCALE = 0.0, 1.0, 1.29


@dataclass(frozen=True)
class Example:
    """One row of a step: latents (1, channels, …) in float32, the words for them, and what else the model is given of
    it (`Family.conditions`); on the device.
    """

    latents: Tensor
    text: Embeddings
    conditions: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Noised:
    """An example with noise: what the transformer sees, and at which level."""

    latents: Tensor
    example: Example
    timestep: Tensor  # a scalar, on the device
    sigma: float


#: Velocities, one for each row in its order, with gradients.
Predict = Callable[[Sequence[Noised]], Sequence[Tensor]]


def draw_levels(training: Training, known: TrainingSet, rows: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Timesteps and sigmas of a batch, (rows,) each, on the CPU."""
    density = compute_density_for_timestep_sampling(
        training.weighting_scheme, rows, _LOGIT_MEAN, _LOGIT_STD, _MODE_SCALE, generator=chance
    )
    count = len(known.timesteps)
    places = (density * count).long().clamp(0, count - 1)
    return known.timesteps[places], known.sigmas[places]


def flow_matching_loss(
    predict: Predict, training: Training, known: TrainingSet, examples: Sequence[Example], chance: torch.Generator
) -> Tensor:
    """The mean over a batch; with prior preservation its second half counts `prior_loss_weight` times."""
    timesteps, sigmas = draw_levels(training, known, len(examples), chance)
    noises = [torch.randn(each.latents.shape, generator=chance).to(each.latents.device) for each in examples]
    rows = [
        Noised((1.0 - level) * each.latents + level * noise, each, timestep.to(noise.device), float(level))
        for each, noise, timestep, level in zip(examples, noises, timesteps, sigmas, strict=True)
    ]
    weights = compute_loss_weighting_for_sd3(training.weighting_scheme, sigmas)
    losses = [
        weight.to(noise.device) * ((predicted.float() - (noise - each.latents)) ** 2).mean()
        for each, noise, weight, predicted in zip(examples, noises, weights, predict(rows), strict=True)
    ]
    own = len(losses) // 2 if training.with_prior_preservation else len(losses)
    loss = torch.stack(losses[:own]).mean()
    return loss if own == len(losses) else loss + training.prior_loss_weight * torch.stack(losses[own:]).mean()
