"""Wan 2.2 TI2V 5B: clips from a prompt, or from a prompt and the picture that they begin with, by the same weights."""

from typing import Any, ClassVar

import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from torch import Tensor

from workers.denoising.track import Track
from workers.families.base import Prepared, Refused
from workers.families.condition_pictures import picture_of
from workers.families.wan import WanFamily


class WanTextImageToVideoFamily(WanFamily):
    """Wan 2.2 TI2V. Each token has a timestep of its own, which is 0 for the tokens of a given first frame."""

    pipeline_class: ClassVar[type[Any]] = WanPipeline
    timestep_per_token: ClassVar[bool] = True

    def check_shape(self, prepared: Prepared) -> None:
        super().check_shape(prepared)
        if _has_picture(prepared) and prepared.order.frames == 1:
            raise Refused("a clip that begins with a picture needs more frames than that one")

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise; and as conditions, where there is a picture, `first` (1, channels, 1, height / 16, width / 16), its
        latents, and `noised` (1, 1, frames, height / 16, width / 16): 0 for the frame that is given, 1 for the others.
        """
        if not _has_picture(prepared):
            return super().first_latents(prepared, generator)
        order = prepared.order
        # Scaled to the rendered size without keeping its proportions, as the pipeline does it.
        pixels = self.pipeline.video_processor.preprocess(
            picture_of(prepared, "image"), height=order.height, width=order.width
        )
        # The other pipeline's method on this one, which has the same parts: a second pipeline would hold on to those
        # that are to be let go of.
        latents, first, noised = WanImageToVideoPipeline.prepare_latents(
            self.pipeline,
            pixels.to(self.device, dtype=torch.float32),
            1,
            self.pipeline.vae.config.z_dim,
            order.height,
            order.width,
            order.frames,
            torch.float32,
            self.device,
            generator,
        )
        return latents, {"first": first, "noised": noised}

    def seen(self, track: Track) -> Tensor:
        return self.final_latents(track)

    def timestep_of(self, track: Track) -> Tensor:
        """The timestep of each token, (tokens,)."""
        noised = track.conditions.get("noised")
        if noised is None:
            noised = torch.ones_like(track.latents[:1, :1], dtype=torch.float32)  # some samplers leave bfloat16
        # Every second place, whatever the patch size is: so does the pipeline, and so is the model.
        return (noised[0, 0, :, ::2, ::2] * track.timesteps[track.step]).flatten()

    def final_latents(self, track: Track) -> Tensor:
        """The latents with the given frame in its place; what the sampler makes there means nothing."""
        if "first" not in track.conditions:
            return track.latents
        frames, height, width = track.latents.shape[-3:]
        noised = track.conditions["noised"][:, :, :frames, :height, :width]
        given = track.conditions["first"][..., :height, :width]
        return (1 - noised) * given + noised * track.latents


def _has_picture(prepared: Prepared) -> bool:
    return getattr(prepared.parameters, "image", None) is not None
