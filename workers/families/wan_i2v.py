"""Wan 2.1 image to video: the clip begins with a given picture."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import WanImageToVideoPipeline
from torch import Tensor

from farm.catalog.schema import ModelEntry
from workers.denoising.track import Track
from workers.families.base import Prepared, Unsuitable
from workers.families.condition_pictures import picture_of
from workers.families.guidance import rows_of
from workers.families.wan import WanFamily


class WanImageToVideoFamily(WanFamily):
    """Wan 2.1 I2V. The picture reaches the model twice: through the VAE as channels beside the latents, and through
    CLIP as tokens beside the prompt.
    """

    pipeline_class: ClassVar[type[Any]] = WanImageToVideoPipeline

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        super().__init__(pipeline, entry, device)
        if pipeline.transformer.config.pos_embed_seq_len is not None:
            raise Unsuitable(
                f"{entry.name} wants a first and a last picture (FLF2V); this family drives models with a first one"
            )

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise; and as conditions `first` (1, 4 + channels, frames, height / 8, width / 8), which says which frames
        are given and their latents, and `picture` (1, tokens, width).
        """
        order, picture = prepared.order, picture_of(prepared, "image")
        conditions = {}
        transformer = self.pipeline.transformer
        if transformer.config.image_dim is not None:
            conditions["picture"] = self.pipeline.encode_image(picture, self.device).to(transformer.dtype)
        # Scaled to the rendered size without keeping its proportions, as the pipeline does it.
        pixels = self.pipeline.video_processor.preprocess(picture, height=order.height, width=order.width)
        latents, conditions["first"] = self.pipeline.prepare_latents(
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
        return latents, conditions

    def seen(self, track: Track) -> Tensor:
        return torch.cat([track.latents, track.conditions["first"]], dim=1)

    def beside(self, tracks: Sequence[Track]) -> dict[str, Tensor]:
        if self.pipeline.transformer.config.image_dim is None:
            return {}
        return {"encoder_hidden_states_image": rows_of(track.conditions.get("picture") for track in tracks)}
