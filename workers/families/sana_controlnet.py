"""Sana ControlNet: a second, smaller transformer reads a control picture and adds to the blocks of the first."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import SanaControlNetPipeline
from torch import Tensor

from workers.denoising.track import Embeddings, Track
from workers.families.base import Prepared
from workers.families.compute_dtype import compute_dtype
from workers.families.condition_pictures import picture_of
from workers.families.sana import SanaFamily


class SanaControlNetFamily(SanaFamily):
    """Sana with a control picture (for the published weights: edges, as HED draws them)."""

    pipeline_class: ClassVar[type[Any]] = SanaControlNetPipeline

    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        track = super().start(prepared, embeddings)
        track.conditions["control"] = self._control(prepared)
        return track

    def _control(self, prepared: Prepared) -> Tensor:
        """Latents of the control picture, (1, …), or (2, …) with guidance: a row for each half.

        The picture is scaled to the rendered size without keeping its proportions, and encoded once for each half in
        one batch, both as the pipeline does it.
        """
        vae, order = self.pipeline.vae, prepared.order
        picture = self.pipeline.prepare_image(
            image=picture_of(prepared, "control_image"),
            width=order.width,
            height=order.height,
            batch_size=1,
            num_images_per_prompt=1,
            device=self.device,
            dtype=compute_dtype(vae),
            do_classifier_free_guidance=prepared.guided,
        )
        latents: Tensor = vae.encode(picture).latent * vae.config.scaling_factor
        return latents

    def forward(
        self, guided: Sequence[Track], tracks: Sequence[Track], timestep: Tensor, text: Tensor, mask: Tensor
    ) -> Tensor:
        rows = (*guided, *tracks)
        transformer, controlnet = self.pipeline.transformer, self.pipeline.controlnet
        latents = torch.cat([track.latents for track in rows])
        control = [track.conditions["control"][:1] for track in guided]
        control += [track.conditions["control"][-1:] for track in tracks]
        added = controlnet(
            latents.to(compute_dtype(controlnet)),
            encoder_hidden_states=text.to(compute_dtype(controlnet)),
            encoder_attention_mask=mask,
            timestep=timestep,
            return_dict=False,
            controlnet_cond=torch.cat(control),
        )[0]
        # Each row by its own scale, and rounded as a Python number would round it.
        scales = torch.tensor([_scale(track) for track in rows], dtype=torch.float32, device=self.device).view(-1, 1, 1)
        scaled = [(block.float() * scales).to(block.dtype) for block in added]
        prediction: Tensor = transformer(
            latents.to(compute_dtype(transformer)),
            encoder_hidden_states=text.to(compute_dtype(transformer)),
            encoder_attention_mask=mask,
            timestep=timestep,
            return_dict=False,
            controlnet_block_samples=tuple(block.to(compute_dtype(transformer)) for block in scaled),
        )[0]
        return prediction


def _scale(track: Track) -> float:
    scale: float = getattr(track.parameters, "controlnet_conditioning_scale", 1.0)
    return scale
