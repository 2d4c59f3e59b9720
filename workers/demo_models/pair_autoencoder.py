"""The autoencoder of sana-pair-demo: twice the pixels of sana-demo's each way, and the same latents.

Its parts between 128 pixels and the latents begin as sana-demo's; one stage at each end is new. The encoder learns to
give what the small one gives for the picture at half the size, the decoder to draw that picture whole. So the latents
stay 8 x 8, a transformer that knows sana-demo's goes on from there, and one can learn while the other does.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import Tensor
from torch.func import functional_call

from farm.demo.pairs import draw, random_picture
from farm.demo.random_source import dice
from workers.demo_models.autoencoders import decibels, pixels
from workers.demo_models.clip_decoder import edges
from workers.demo_models.training import Plan, Training

log = logging.getLogger(__name__)

SIDE = 256
BATCH = 4
MOST_NOISE = 0.3
"""Spread of the noise on latents of spread 1: the decoder must forgive what a tiny denoiser gets slightly wrong."""
ENCODER_WEIGHT = 0.1


def pair_autoencoder(small: AutoencoderDC) -> AutoencoderDC:
    """32 times smaller each way, 16 channels; what it shares with `small` has its weights."""

    def one_more(values: list[object]) -> tuple[object, ...]:
        return (values[0], values[1], *values[1:])

    config = small.config
    vae = AutoencoderDC(
        latent_channels=config.latent_channels,
        encoder_block_out_channels=one_more(config.encoder_block_out_channels),
        decoder_block_out_channels=one_more(config.decoder_block_out_channels),
        encoder_layers_per_block=one_more(config.encoder_layers_per_block),
        decoder_layers_per_block=one_more(config.decoder_layers_per_block),
        encoder_qkv_multiscales=one_more(config.encoder_qkv_multiscales),
        decoder_qkv_multiscales=one_more(config.decoder_qkv_multiscales),
        scaling_factor=config.scaling_factor,
    )
    own = vae.state_dict()
    for name, weight in small.state_dict().items():
        side, part, *rest = name.split(".")
        if part in ("down_blocks", "up_blocks"):
            own[".".join([side, part, str(int(rest[0]) + 1), *rest[1:]])] = weight
        elif (side, part) != ("encoder", "conv_in"):
            own[name] = weight
    vae.load_state_dict(own)
    return vae


def train_pair_autoencoder(plan: Plan, small: AutoencoderDC, folder: Path, seed: int) -> AutoencoderDC:
    """Learn both ends; the small autoencoder says what the latents are."""
    training = Training("pair-autoencoder", pair_autoencoder(small), plan, folder)
    training.go_on()
    vae = training.module
    torch.manual_seed(seed + training.step)
    rng = dice(f"pair autoencoder {seed} {training.step}")
    spread = 1.0 / float(small.config.scaling_factor)

    def loss_at(progress: float) -> Tensor:
        batch = pixels([draw(random_picture(rng), SIDE, rng) for _ in range(BATCH)])
        with torch.no_grad():
            wanted = small.encode(F.avg_pool2d(batch, 2)).latent
        noisy = wanted + spread * MOST_NOISE * torch.rand(BATCH, 1, 1, 1) * torch.randn_like(wanted)
        halved = {name: weight.bfloat16() for name, weight in vae.named_parameters()}
        latent = functional_call(_Part(vae, "encoder"), halved, (batch.bfloat16(),)).float()
        restored = functional_call(_Part(vae, "decoder"), halved, (noisy.bfloat16(),)).float()
        difference = F.mse_loss(restored, batch, reduction="none") + 0.2 * (restored - batch).abs()
        drawn: Tensor = (edges(batch[:, :, None])[:, :, 0] * difference).mean()
        return drawn + ENCODER_WEIGHT * F.mse_loss(latent / spread, wanted / spread)

    training.run(loss_at)
    done: AutoencoderDC = training.average
    log.info("pair autoencoder: %.1f dB, latents off by %.3f of their spread", *measured(done, small, 32))
    return done


class _Part(torch.nn.Module):
    """The encoder or the decoder alone, under the names that its weights have in the whole."""

    def __init__(self, vae: torch.nn.Module, which: str) -> None:
        super().__init__()
        self.encoder, self.decoder = vae.encoder, vae.decoder
        self._which = which

    def forward(self, given: Tensor) -> Tensor:
        result: Tensor = getattr(self, self._which)(given)
        return result


@torch.no_grad()
def measured(vae: AutoencoderDC, small: AutoencoderDC, count: int) -> tuple[float, float]:
    """Of `count` pictures: decibels, encoded and decoded, and how far the latents are from the small one's."""
    rng = dice("pair autoencoder")
    batch = pixels([draw(random_picture(rng), SIDE, rng) for _ in range(count)])
    latent, wanted = vae.encode(batch).latent, small.encode(F.avg_pool2d(batch, 2)).latent
    off = float((latent - wanted).square().mean().sqrt() * small.config.scaling_factor)
    return decibels(vae.decode(latent, return_dict=False)[0].clamp(-1, 1), batch), off
