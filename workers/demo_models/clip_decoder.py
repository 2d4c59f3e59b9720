"""The decoder of clips alone, sharper: its encoder and so the latents stay as they are.

A blur came from here: the latents tell the few shapes and ways of the demo world well apart, but the decoder had
stopped learning early. Alone it costs a third of the time of both: latents are made once, and it computes in bf16
(the weights that learn are float32). Noise on the latents, up to three times what the pair learnt with, teaches it to
draw a clean edge from what a tiny denoiser gets slightly wrong.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from torch import Tensor, nn
from torch.func import functional_call

from farm.demo.random_source import dice
from farm.demo.scenes import draw_clip, every_clip, random_scene
from workers.demo_models.autoencoders import clips, decibels
from workers.demo_models.training import Plan, Training

log = logging.getLogger(__name__)

BATCH = 6
MOST_NOISE = 0.3
EDGE_WEIGHT = 3.0


class Decoding(nn.Module):
    """The decoding half of an autoencoder as a module: latents of spread 1, (clips, 16, 3, 8, 8), to clips."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        super().__init__()
        self.decoder, self.post_quant_conv = vae.decoder, vae.post_quant_conv
        self._vae = [vae]  # in a list, so that the encoder is no part of this module
        self.mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        self.spread = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """Clips of shape (clips, 3, 9, 64, 64), from -1 to 1 and a little beyond."""
        restored: Tensor = self._vae[0].decode(latents, return_dict=False)[0]
        return restored


def sharpen(plan: Plan, vae: AutoencoderKLWan, folder: Path, seed: int) -> AutoencoderKLWan:
    """Train the decoder of `vae` on its own latents, and give `vae` back with it."""
    torch.manual_seed(seed)
    rng = dice(seed)
    scenes = every_clip()
    drawn = torch.cat([_bytes(clips([draw_clip(scene, rng=rng)])) for scene in scenes])
    with torch.no_grad():
        latents = torch.cat([encoded(vae, _floats(drawn[i : i + 16])) for i in range(0, len(scenes), 16)])
    decoding = Decoding(vae)
    training = Training("clip-decoder", decoding, plan, folder)
    training.go_on()

    def loss_at(progress: float) -> Tensor:
        chosen = torch.randint(len(scenes), (BATCH,))
        truth, latent = _floats(drawn[chosen]), latents[chosen]
        noisy = latent + MOST_NOISE * torch.rand(BATCH, 1, 1, 1, 1) * torch.randn_like(latent)
        halved = {name: weight.bfloat16() for name, weight in decoding.named_parameters()}
        restored = functional_call(decoding, halved, ((noisy * decoding.spread + decoding.mean).bfloat16(),)).float()
        difference = F.mse_loss(restored, truth, reduction="none") + 0.2 * (restored - truth).abs()
        loss: Tensor = (edges(truth) * difference).mean()
        return loss

    training.run(loss_at)
    decoding.load_state_dict(training.average.state_dict())
    log.info("clip decoder: %.1f dB", measured(vae, 32))
    return vae


def encoded(vae: AutoencoderKLWan, batch: Tensor) -> Tensor:
    """Latents with a mean of 0 and a spread of 1 in each channel, as the transformer sees them."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
    spread = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
    latents: Tensor = (vae.encode(batch).latent_dist.mode() - mean) / spread
    return latents


def edges(truth: Tensor) -> Tensor:
    """How much each pixel's error weighs, (clips, 1, frames, height, width): 1, and more within 2 of an edge."""
    across = F.pad(truth.diff(dim=4).abs().amax(1, keepdim=True), (0, 1))
    down = F.pad(truth.diff(dim=3).abs().amax(1, keepdim=True), (0, 0, 0, 1))
    near = F.max_pool3d(torch.maximum(across, down).clamp(max=1), (1, 5, 5), 1, (0, 2, 2))
    return 1 + EDGE_WEIGHT * near


def measured(vae: AutoencoderKLWan, count: int) -> float:
    """Decibels of `count` clips of the training's combinations in shades it has not seen, encoded and decoded."""
    rng = dice("clip autoencoder")
    batch = clips([draw_clip(random_scene(rng, clip=True), rng=rng) for _ in range(count)])
    with torch.no_grad():
        latent = vae.encode(batch).latent_dist.mode()
        return decibels(vae.decode(latent, return_dict=False)[0].clamp(-1, 1), batch)


def _bytes(batch: Tensor) -> Tensor:
    return (batch * 127.5 + 127.5).round().byte()


def _floats(stored: Tensor) -> Tensor:
    return stored.float() / 127.5 - 1
