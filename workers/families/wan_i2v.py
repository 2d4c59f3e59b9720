"""Wan image to video: the clip begins with a given picture, and may end with another."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import WanImageToVideoPipeline
from torch import Tensor

from farm.catalog.schema import ModelEntry
from workers.denoising.track import Track
from workers.families.base import Prepared, Refused, Unsuitable
from workers.families.compute_dtype import compute_dtype
from workers.families.condition_pictures import picture_of
from workers.families.guidance import rows_of
from workers.families.wan import WanFamily


class WanImageToVideoFamily(WanFamily):
    """Wan 2.1 I2V. The picture reaches the model twice: through the VAE as channels beside the latents, and through
    CLIP as tokens beside the prompt.
    """

    pipeline_class: ClassVar[type[Any]] = WanImageToVideoPipeline
    #: Whether the model was made for tokens of two pictures, and takes no less.
    first_and_last: ClassVar[bool] = False

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        super().__init__(pipeline, entry, device)
        found = pipeline.transformer.config.pos_embed_seq_len is not None
        if found != self.first_and_last:
            wants = ("a first picture alone", "a first and a last picture (FLF2V)")
            raise Unsuitable(
                f"{entry.name} wants {wants[found]}, and the family '{entry.family}' drives models that want "
                f"{wants[self.first_and_last]}; correct 'family' or 'source' in the catalog"
            )

    def check_shape(self, prepared: Prepared) -> None:
        super().check_shape(prepared)
        if _has_last(prepared) and prepared.order.frames == 1:
            raise Refused("a clip between two pictures needs more frames than one")

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise; and as conditions `first` (1, 4 + channels, frames, height / 8, width / 8), which says which frames
        are given and their latents, and `picture` (pictures, tokens, width).
        """
        order, names = prepared.order, ["image", *(["last_image"] if _has_last(prepared) else [])]
        pictures = [picture_of(prepared, name) for name in names]
        conditions = {}
        transformer = self.pipeline.transformer
        if transformer.config.image_dim is not None:
            seen = pictures if len(pictures) > 1 else pictures[0]
            conditions["picture"] = self.pipeline.encode_image(seen, self.device).to(compute_dtype(transformer))
        # Scaled to the rendered size without keeping their proportions, as the pipeline does it.
        first, *last = (
            self.pipeline.video_processor.preprocess(picture, height=order.height, width=order.width).to(
                self.device, dtype=torch.float32
            )
            for picture in pictures
        )
        latents, conditions["first"] = self.pipeline.prepare_latents(
            first,
            1,
            self.pipeline.vae.config.z_dim,
            order.height,
            order.width,
            order.frames,
            torch.float32,
            self.device,
            generator,
            last_image=last[0] if last else None,
        )
        return latents, conditions

    def seen(self, track: Track) -> Tensor:
        return torch.cat([track.latents, track.conditions["first"]], dim=1)

    def beside(self, tracks: Sequence[Track], name: str) -> dict[str, Tensor]:
        if self.pipeline.transformer.config.image_dim is None:
            return {}
        return {"encoder_hidden_states_image": rows_of(track.conditions.get("picture") for track in tracks)}


class WanFirstLastFamily(WanImageToVideoFamily):
    """Wan 2.1 FLF2V: a clip between two pictures, whose tokens stand beside the prompt one after the other."""

    first_and_last: ClassVar[bool] = True


def _has_last(prepared: Prepared) -> bool:
    return getattr(prepared.parameters, "last_image", None) is not None
