"""What families of clips share: where the video autoencoders put their latents, and how clips become bytes."""

from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Video, AutoencoderKLWan
from torch import Tensor

from workers.denoising.track import Pixels
from workers.families.compute_dtype import compute_dtype
from workers.families.guidance import to_uint8


def decode_clips(pipeline: Any, latents: Tensor) -> list[Pixels | None]:
    """Latents (clips, channels, frames, height, width) to pixels; None for a clip that holds values that are no
    numbers.
    """
    return clip_pixels(pipeline, decoded(pipeline, latents))


def clip_pixels(pipeline: Any, clips: Tensor) -> list[Pixels | None]:
    """What has been decoded, (clips, 3, frames, height, width) from -1 to 1, as bytes; None where it is no numbers."""
    return [to_uint8(clip) for clip in pipeline.video_processor.postprocess_video(clips, output_type="np")]


def decoded(pipeline: Any, latents: Tensor) -> Tensor:
    """Latents through the VAE: (clips, 3, frames, height, width) in its dtype."""
    vae = pipeline.vae
    latents = latents.to(compute_dtype(vae))
    mean, deviation = (values.view(1, -1, 1, 1, 1) for values in _statistics(vae, latents))
    # Divided by the reciprocal, as the pipelines do: multiplying rounds differently.
    reciprocal = 1.0 / deviation.to(latents.device, latents.dtype)
    clips: Tensor = vae.decode(latents / reciprocal + mean.to(latents.device, latents.dtype), return_dict=False)[0]
    return clips


def encoded(pipeline: Any, clip: Tensor) -> Tensor:
    """A clip (1, 3, frames, height, width) from -1 to 1 as the transformer sees it, float32.

    The mean of what the VAE makes of it, not a sample: as the pipelines encode a first frame.
    """
    vae = pipeline.vae
    found = vae.encode(clip.to(compute_dtype(vae))).latent_dist.mode().float()
    mean, deviation = (values.view(1, -1, 1, 1, 1).to(found) for values in _statistics(vae, found))
    latents: Tensor = (found - mean) * (1.0 / deviation)
    return latents


def _statistics(vae: Any, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the latents that the autoencoder was trained to have, for each channel."""
    if isinstance(vae, AutoencoderKLLTX2Video):
        return vae.latents_mean, vae.latents_std
    if isinstance(vae, AutoencoderKLWan):
        return torch.tensor(vae.config.latents_mean), torch.tensor(vae.config.latents_std)
    return torch.zeros(latents.shape[1]), torch.ones(latents.shape[1])
