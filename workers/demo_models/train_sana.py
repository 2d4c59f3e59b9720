"""sana-demo: flow matching of pictures and words, text encoder and transformer together.

Words first: for the first part of the time every sample is pure noise (sigma = 1), so the caption is the
only thing to go by. Only then do half-finished pictures come in, which a model would otherwise learn to
polish without reading.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC, SanaPipeline
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerFast

from farm.demo.random_source import dice
from farm.demo.scenes import Scene, draw_picture
from workers.demo_models.autoencoders import pixels
from workers.demo_models.auxiliary_head import Sketcher
from workers.demo_models.components import SANA_SHIFT, gemma, sana_scheduler, sana_transformer
from workers.demo_models.training import Plan, Training
from workers.demo_models.training_samples import TrainingSamples, first_token_twice, prepare, tokens

BATCH = 24
WORDS_FIRST = 0.12
OPEN_LAST = 0.85
"""From this share of the time on, most captions leave something open: what the seed chooses is hardest to draw."""
SKETCH_AFTER = 4
SKETCH_WEIGHT = 0.1
SHAPES_OF_PICTURES = {"square": (128, 128, 8000), "wide": (192, 128, 800), "tall": (128, 192, 800)}
"""Width and height in pixels, and how many scenes; one batch in sixteen is not square."""


def draw_sigmas(count: int, shift: float, progress: float, words_first: float) -> Tensor:
    """Noise levels: 1 in the first part of the training, then mostly high, with a fifth of them very high."""
    if progress < words_first:
        return torch.ones(count)
    even = torch.rand(count)
    shifted = shift * even / (1 + (shift - 1) * even)
    return torch.where(torch.rand(count) < 0.2, 0.95 + 0.05 * torch.rand(count), shifted)


def picture_samples(vae: AutoencoderDC, folder: Path, seed: int) -> dict[str, TrainingSamples]:
    """Latents of drawn pictures in each of the three formats."""

    def samples(name: str) -> TrainingSamples:
        width, height, count = SHAPES_OF_PICTURES[name]

        def encode(scenes: list[Scene], rng: random.Random) -> Tensor:
            drawn = pixels([draw_picture(scene, width, height, rng) for scene in scenes])
            latents: Tensor = vae.encode(drawn).latent * vae.config.scaling_factor
            return latents

        return prepare(folder / f"pictures-{name}.pt", count, seed, encode, (width, height))

    return {name: samples(name) for name in SHAPES_OF_PICTURES}


def train_sana(
    plan: Plan, vae: AutoencoderDC, tokenizer: PreTrainedTokenizerFast, folder: Path, seed: int
) -> nn.ModuleDict:
    """Train text encoder and transformer; returns them (keys 'text_encoder' and 'transformer'), averaged."""
    torch.manual_seed(seed)
    rng = dice(seed)
    transformer, sketcher = sana_transformer(), Sketcher()
    parts = nn.ModuleDict({"text_encoder": gemma(len(tokenizer)), "transformer": transformer, "sketcher": sketcher})
    training = Training("sana", parts, plan, folder)
    training.go_on()
    samples = picture_samples(vae, folder, seed)
    hidden: list[Tensor] = []
    transformer.transformer_blocks[SKETCH_AFTER - 1].register_forward_hook(lambda _, __, output: hidden.append(output))

    def loss_at(progress: float) -> Tensor:
        format_of_batch = rng.choice(("wide", "tall")) if rng.random() < 1 / 16 else "square"
        latents, captions, truth = samples[format_of_batch].batch(BATCH, rng, 0.25 if progress < OPEN_LAST else 0.6)
        ids, mask = tokens(tokenizer, captions)
        if rng.random() < 0.5:
            ids, mask = first_token_twice(ids, mask)
        sigmas = draw_sigmas(len(latents), SANA_SHIFT, progress, WORDS_FIRST)
        noise = torch.randn_like(latents)
        level = sigmas.view(-1, 1, 1, 1)
        with sdpa_kernel([SDPBackend.MATH]):
            embedded = parts["text_encoder"](ids, attention_mask=mask)[0]
            predicted = transformer(
                torch.lerp(latents, noise, level),
                encoder_hidden_states=embedded,
                encoder_attention_mask=mask,
                timestep=1000 * sigmas,
                return_dict=False,
            )[0]
        return F.mse_loss(predicted, noise - latents) + SKETCH_WEIGHT * sketcher.loss(hidden.pop(), truth)

    training.run(loss_at)
    return training.average  # type: ignore[return-value]


def sana_pipeline(parts: nn.ModuleDict, vae: AutoencoderDC, tokenizer: PreTrainedTokenizerFast) -> SanaPipeline:
    """The trained parts as the pipeline that ships."""
    transformer = sana_transformer()
    transformer.load_state_dict(parts["transformer"].state_dict())
    return SanaPipeline(
        tokenizer=tokenizer,
        text_encoder=parts["text_encoder"],
        vae=vae,
        transformer=transformer,
        scheduler=sana_scheduler(),
    )
