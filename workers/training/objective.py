"""The loss of one step: flow matching, as the training scripts of diffusers have it.

x = (1 - s) x0 + s e, and the transformer is to say e - x0 (`examples/dreambooth/train_dreambooth_lora_sana.py`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.training_utils import compute_density_for_timestep_sampling, compute_loss_weighting_for_sd3
from torch import Tensor

from farm.params.training.stored import Training
from workers.denoising.samplers import build_sampler

#: Of `logit_normal` and `mode`, as the scripts have them where nobody says otherwise.
_LOGIT_MEAN, _LOGIT_STD, _MODE_SCALE = 0.0, 1.0, 1.29


@dataclass(frozen=True)
class Examples:
    """What a step learns from: latents (rows, channels, height, width) in float32, and the words for each row."""

    latents: Tensor
    text: Tensor
    mask: Tensor


def draw_levels(training: Training, rows: int, flow_shift: float, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Timesteps and sigmas of a batch, (rows,) each, on the CPU."""
    schedule = build_sampler("euler", flow_shift=flow_shift)
    density = compute_density_for_timestep_sampling(
        training.weighting_scheme, rows, _LOGIT_MEAN, _LOGIT_STD, _MODE_SCALE, generator=chance
    )
    count = len(schedule.timesteps)
    places = (density * count).long().clamp(0, count - 1)
    return schedule.timesteps[places], schedule.sigmas[places]


def flow_matching_loss(
    transformer: Any, training: Training, examples: Examples, flow_shift: float, chance: torch.Generator
) -> Tensor:
    """The mean over a batch; with prior preservation its second half counts `prior_loss_weight` times."""
    clean = examples.latents
    timesteps, sigmas = draw_levels(training, len(clean), flow_shift, chance)
    noise = torch.randn(clean.shape, generator=chance).to(clean.device)
    level = sigmas.to(clean.device).view(-1, 1, 1, 1)
    noisy = (1.0 - level) * clean + level * noise
    predicted = transformer(
        noisy.to(transformer.dtype),
        encoder_hidden_states=examples.text.to(transformer.dtype),
        encoder_attention_mask=examples.mask,
        timestep=timesteps.to(clean.device) * transformer.config.timestep_scale,
        return_dict=False,
    )[0].float()
    if transformer.config.out_channels // 2 == transformer.config.in_channels:  # learned sigma
        predicted = predicted.chunk(2, dim=1)[0]
    weight = compute_loss_weighting_for_sd3(training.weighting_scheme, level)
    each = (weight * (predicted - (noise - clean)) ** 2).flatten(1).mean(1)
    own, prior = each.chunk(2) if training.with_prior_preservation else (each, None)
    loss: Tensor = own.mean()
    return loss if prior is None else loss + training.prior_loss_weight * prior.mean()
