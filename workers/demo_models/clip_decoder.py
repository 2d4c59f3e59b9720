"""The decoder of clips alone, sharper: its encoder and so the latents stay as they are.

A blur came from here: the latents tell the few shapes and ways of the demo world well apart, but the decoder had
stopped learning early. Alone it costs a third of the time of both: latents are made once, and all frames are decoded
in one go. Noise on the latents, up to three times what the pair learnt with, teaches it to draw a clean edge from what
a tiny denoiser gets slightly wrong.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResample, unpatchify
from torch import Tensor, nn

from farm.demo.random_source import dice
from farm.demo.scenes import draw_clip, every_clip, random_scene
from workers.demo_models.autoencoders import clips, decibels
from workers.demo_models.training import Plan, Training

log = logging.getLogger(__name__)

BATCH = 4
MOST_NOISE = 0.3
EDGE_WEIGHT = 3.0
STAR_WEIGHT = 3.0
"""How many times as often as another clip one of a star is learnt from: points are what is hardest to draw."""


class Decoding(nn.Module):
    """The decoding half of an autoencoder, all frames at once: latents of spread 1, (clips, 16, 3, 8, 8), to clips.

    `AutoencoderKLWan.decode` goes from one frame of latents to the next and remembers the last two, which saves memory
    that tiny clips do not need. Its convolutions look back only, so this gives the same numbers, in fewer calls.
    """

    def __init__(self, vae: AutoencoderKLWan) -> None:
        super().__init__()
        self.decoder, self.post_quant_conv = vae.decoder, vae.post_quant_conv
        self.mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        self.spread = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
        self.patch_size = vae.config.patch_size

    def forward(self, latents: Tensor) -> Tensor:
        """Clips of shape (clips, 3, 9, 64, 64), from -1 to 1 and a little beyond."""
        hidden = self.decoder.mid_block(self.decoder.conv_in(self.post_quant_conv(latents * self.spread + self.mean)))
        for block in self.decoder.up_blocks:
            for resnet in block.resnets:
                hidden = resnet(hidden)
            for upsampler in block.upsamplers or ():
                hidden = _larger_and_longer(upsampler, hidden)
        drawn = self.decoder.conv_out(self.decoder.nonlinearity(self.decoder.norm_out(hidden)))
        restored: Tensor = unpatchify(drawn, patch_size=self.patch_size)
        return restored


def _larger_and_longer(upsampler: WanResample, hidden: Tensor) -> Tensor:
    """Each frame in twice the size, and each but the first as two."""
    first, later = hidden[:, :, :1], hidden[:, :, 1:]
    twice = upsampler.time_conv(later).unflatten(1, (2, -1)).permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
    frames = torch.cat([first, twice], 2).transpose(1, 2)
    larger: Tensor = upsampler.resample(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).transpose(1, 2)
    return larger


def sharpen(plan: Plan, vae: AutoencoderKLWan, folder: Path, seed: int) -> AutoencoderKLWan:
    """Train the decoder of `vae` on its own latents, and give `vae` back with it."""
    decoding = Decoding(vae)
    for part in decoding.modules():  # convolutions of few channels take a quarter less time on a CPU so
        if isinstance(part, nn.Conv2d | nn.Conv3d):
            layout = torch.channels_last if part.weight.ndim == 4 else torch.channels_last_3d
            part.to(memory_format=layout)  # type: ignore[call-overload]  # torch's own overloads leave it out
    training = Training("clip-decoder", decoding, plan, folder)
    training.go_on()
    torch.manual_seed(seed + training.step)
    rng = dice(seed)
    scenes = every_clip()
    drawn = torch.cat([_bytes(clips([draw_clip(scene, rng=rng)])) for scene in scenes])
    with torch.no_grad():
        latents = torch.cat([encoded(vae, _floats(drawn[i : i + 16])) for i in range(0, len(scenes), 16)])

    shares = torch.tensor([STAR_WEIGHT if scene.shape == "star" else 1.0 for scene in scenes])

    def loss_at(progress: float) -> Tensor:
        chosen = torch.multinomial(shares, BATCH)
        truth, latent = _floats(drawn[chosen]), latents[chosen]
        restored = decoding(latent + MOST_NOISE * torch.rand(BATCH, 1, 1, 1, 1) * torch.randn_like(latent))
        difference = F.mse_loss(restored, truth, reduction="none") + 0.05 * (restored - truth).abs()
        loss: Tensor = (edges(truth, 1.0) * difference).mean()
        return loss

    training.run(loss_at)
    decoding.load_state_dict(training.average.state_dict())
    decoding.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's own overloads leave it out
    log.info("clip decoder: %.1f dB", measured(vae, 64, seed))
    return vae


def encoded(vae: AutoencoderKLWan, batch: Tensor) -> Tensor:
    """Latents with a mean of 0 and a spread of 1 in each channel, as the transformer sees them."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
    spread = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
    latents: Tensor = (vae.encode(batch).latent_dist.mode() - mean) / spread
    return latents


def edges(truth: Tensor, weight: float = EDGE_WEIGHT) -> Tensor:
    """How much each pixel's error weighs, (clips, 1, frames, height, width): 1, and more within 2 of an edge."""
    across = F.pad(truth.diff(dim=4).abs().amax(1, keepdim=True), (0, 1))
    down = F.pad(truth.diff(dim=3).abs().amax(1, keepdim=True), (0, 0, 0, 1))
    near = F.max_pool3d(torch.maximum(across, down).clamp(max=1), (1, 5, 5), 1, (0, 2, 2))
    return 1 + weight * near


def measured(vae: AutoencoderKLWan, count: int, seed: int) -> float:
    """Decibels of `count` clips, encoded and decoded, whose (shape, colour, background) no training has seen."""
    rng = dice(f"clips to restore {seed}")
    batch = clips([draw_clip(random_scene(rng, clip=True, held_out=True), rng=rng) for _ in range(count)])
    with torch.no_grad():
        latent = vae.encode(batch).latent_dist.mode()
        return decibels(vae.decode(latent, return_dict=False)[0].clamp(-1, 1), batch)


def _bytes(batch: Tensor) -> Tensor:
    return (batch * 127.5 + 127.5).round().byte()


def _floats(stored: Tensor) -> Tensor:
    return stored.float() / 127.5 - 1
