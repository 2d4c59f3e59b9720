"""The two autoencoders: pictures to latents for Sana and Sprint (DC-AE), clips to latents for Wan.

Both learn from drawn scenes alone. A little noise on the latents, with a light price on their size, makes
the decoders forgive what a tiny denoiser gets slightly wrong.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC, AutoencoderKLWan
from PIL import Image
from torch import Tensor

from farm.demo.random_source import dice
from farm.demo.scenes import draw_clip, draw_picture, random_scene
from workers.demo_models.training import Plan, Training

log = logging.getLogger(__name__)

LATENT_NOISE = 0.1
LATENT_PRICE = 1e-4


def pixels(images: list[Image.Image]) -> Tensor:
    """Pictures as floats of shape (pictures, 3, height, width) from -1 to 1."""
    stacked = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2) / 127.5 - 1.0


def picture_autoencoder() -> AutoencoderDC:
    """16 times smaller each way, 16 channels, 1.8 million weights; no convolution at full resolution."""
    return AutoencoderDC(
        latent_channels=16,
        encoder_block_out_channels=(32, 32, 64, 64, 128),
        decoder_block_out_channels=(32, 32, 64, 64, 128),
        encoder_layers_per_block=(0, 1, 1, 1, 1),
        decoder_layers_per_block=(0, 1, 1, 1, 2),
        encoder_qkv_multiscales=((), (), (), (), ()),
        decoder_qkv_multiscales=((), (), (), (), ()),
    )


def clip_autoencoder() -> AutoencoderKLWan:
    """8 times smaller each way, 4 times in time, 16 channels, as the real one; pixels enter two by two."""
    return AutoencoderKLWan(
        base_dim=16,
        z_dim=16,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        in_channels=12,
        out_channels=12,
        patch_size=2,
        latents_mean=[0.0] * 16,
        latents_std=[1.0] * 16,
        scale_factor_temporal=4,
        scale_factor_spatial=8,
    )


def train_picture_autoencoder(plan: Plan, folder: Path, seed: int) -> AutoencoderDC:
    """Learn to redraw pictures; sets scaling_factor so that latents have a spread of 1."""
    torch.manual_seed(seed)
    rng = dice(seed)
    training = Training("picture-autoencoder", picture_autoencoder(), plan, folder)
    training.go_on()
    vae = training.module

    def loss_at(progress: float) -> Tensor:
        batch = pixels([draw_picture(random_scene(rng), rng=rng) for _ in range(12)])
        latent = vae.encode(batch).latent  # type: ignore[operator]
        noisy = latent + LATENT_NOISE * torch.randn_like(latent)
        restored = vae.decode(noisy, return_dict=False)[0]  # type: ignore[operator]
        loss: Tensor = _difference(restored, batch) + LATENT_PRICE * latent.square().mean()
        return loss

    training.run(loss_at)
    done = training.average
    test = dice("picture autoencoder")
    batch = pixels([draw_picture(random_scene(test), rng=test) for _ in range(64)])
    with torch.no_grad():
        latent = done.encode(batch).latent  # type: ignore[operator]
        restored = done.decode(latent, return_dict=False)[0].clamp(-1, 1)  # type: ignore[operator]
    done.register_to_config(scaling_factor=1.0 / float(latent.std()))  # type: ignore[operator]
    log.info("picture autoencoder: %.1f dB, latent spread %.3f", decibels(restored, batch), float(latent.std()))
    return done


def _difference(restored: Tensor, batch: Tensor) -> Tensor:
    return F.mse_loss(restored, batch) + 0.2 * F.l1_loss(restored, batch)


def decibels(restored: Tensor, batch: Tensor) -> float:
    """Peak signal to noise ratio over values from -1 to 1."""
    return float(10 * torch.log10(4.0 / F.mse_loss(restored, batch)))


def train_clip_autoencoder(plan: Plan, folder: Path, seed: int) -> AutoencoderKLWan:
    """Learn to redraw clips; sets latents_mean and latents_std, which the pipeline uses for every channel."""
    torch.manual_seed(seed)
    rng = dice(seed)
    training = Training("clip-autoencoder", clip_autoencoder(), plan, folder)
    training.go_on()
    vae = training.module

    def loss_at(progress: float) -> Tensor:
        batch = clips([draw_clip(random_scene(rng, clip=True), rng=rng) for _ in range(4)])
        latent = vae.encode(batch).latent_dist.mode()  # type: ignore[operator]
        noisy = latent + LATENT_NOISE * torch.randn_like(latent)
        restored = vae.decode(noisy, return_dict=False)[0]  # type: ignore[operator]
        loss: Tensor = _difference(restored, batch) + LATENT_PRICE * latent.square().mean()
        return loss

    training.run(loss_at)
    done = training.average
    test = dice("clip autoencoder")
    batch = clips([draw_clip(random_scene(test, clip=True), rng=test) for _ in range(32)])
    with torch.no_grad():
        latent = done.encode(batch).latent_dist.mode()  # type: ignore[operator]
        restored = done.decode(latent, return_dict=False)[0].clamp(-1, 1)  # type: ignore[operator]
    mean, spread = latent.mean((0, 2, 3, 4)), latent.std((0, 2, 3, 4))
    done.register_to_config(latents_mean=mean.tolist(), latents_std=spread.tolist())  # type: ignore[operator]
    log.info("clip autoencoder: %.1f dB, latent spread %.3f", decibels(restored, batch), float(spread.mean()))
    return done


def clips(batch: list[list[Image.Image]]) -> Tensor:
    """Clips as floats of shape (clips, 3, frames, height, width) from -1 to 1."""
    return torch.stack([pixels(frames) for frames in batch]).transpose(1, 2)
