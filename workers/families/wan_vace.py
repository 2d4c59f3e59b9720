"""Wan VACE: clips that follow a clip (depth, pose, edges), change a part of it (a mask), or show things of pictures."""

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar

import torch
from diffusers import WanVACEPipeline
from PIL import Image
from torch import Tensor

from workers.denoising.track import Pixels, Track
from workers.families.base import Prepared, Refused
from workers.families.compute_dtype import compute_dtype
from workers.families.condition_clips import clip_or_picture
from workers.families.condition_pictures import picture_of
from workers.families.wan import WanFamily

_GREY, _BLACK, _WHITE = (128, 128, 128), 0, 255
Frames = list[Image.Image]


class WanVaceFamily(WanFamily):
    """Wan 2.1 VACE. What is given passes through the VAE; a branch of blocks of their own reads it and adds to the
    others. Reference pictures are latent frames before the clip's own, and are cut off before it is decoded.
    """

    pipeline_class: ClassVar[type[Any]] = WanVACEPipeline

    def check_shape(self, prepared: Prepared) -> None:
        super().check_shape(prepared)
        asked: Any = prepared.parameters
        if asked.mask is not None and asked.video is None:
            raise Refused("a mask says what of a video is made anew, and there is none")

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise of (1, channels, references + frames, height / 8, width / 8); and as condition `control` (1, 96,
        references + frames, height / 8, width / 8): the latents of what is kept and of what is made anew, and the mask.
        """
        order, pipeline = prepared.order, self.pipeline
        video, mask = self._video_and_mask(prepared)
        pictures = [self._reference(prepared, place) for place in range(_references(prepared.parameters))]
        size = (1, order.height, order.width, order.frames, torch.float32, self.device)
        given, made, references = pipeline.preprocess_conditions(video, mask, pictures or None, *size)
        control = torch.cat(
            [
                pipeline.prepare_video_latents(given, made, references, generator, self.device),
                pipeline.prepare_masks(made, references, generator),
            ],
            dim=1,
        )
        latents = pipeline.prepare_latents(
            1,
            pipeline.transformer.config.in_channels,
            order.height,
            order.width,
            order.frames + len(pictures) * pipeline.vae_scale_factor_temporal,
            torch.float32,
            self.device,
            generator,
        )
        return latents, {"control": control.to(compute_dtype(pipeline.transformer))}

    def _reference(self, prepared: Prepared, place: int) -> Image.Image:
        """A reference picture. The pipeline fits it into the render's size, and fails where no pixel would be left."""
        picture, least = picture_of(prepared, f"reference_images/{place}"), self.pipeline.vae_scale_factor_spatial
        width, height = (side // least * least for side in picture.size)  # to which it is cut down first
        shrunk = min(prepared.order.width / width, prepared.order.height / height) if width and height else 0.0
        if min(width, height) * shrunk < 1:
            seen = f"{picture.width}x{picture.height}"
            raise Refused(f"the picture 'reference_images/{place}' is {seen}: too small or too narrow to be seen")
        return picture

    def _video_and_mask(self, prepared: Prepared) -> tuple[Frames | None, Frames | None]:
        """A frame of each for every frame of the render, in its size; None where nothing is given.

        A picture as video is the first frame: the others are grey and to be made, which the authors trained it with.
        """
        order = prepared.order
        size, rest = (order.width, order.height), order.frames - 1
        video, mask = clip_or_picture(prepared, "video"), clip_or_picture(prepared, "mask", "L")
        if video is None or isinstance(video, list):
            return video, [mask] * order.frames if isinstance(mask, Image.Image) else mask
        if isinstance(mask, list):
            raise Refused("the mask of a picture is a picture, and this one is a clip")
        first = mask or Image.new("L", size, _BLACK)
        frames = [video, *[Image.new("RGB", size, _GREY)] * rest]
        return frames, [first, *[Image.new("L", size, _WHITE)] * rest]

    def beside(self, tracks: Sequence[Track], name: str) -> dict[str, Tensor]:
        """The control of each track, and its scale for each block that adds something: (blocks, tracks, 1, 1)."""
        transformer = self.pipeline.transformer
        scales = torch.tensor([_scale(track) for track in tracks], dtype=torch.float32, device=self.device)
        rows = scales.to(compute_dtype(transformer)).view(1, -1, 1, 1)
        return {
            "control_hidden_states": torch.cat([track.conditions["control"] for track in tracks]),
            "control_hidden_states_scale": rows.expand(len(transformer.config.vace_layers), -1, -1, -1),
        }

    def final_latents(self, track: Track) -> Tensor:
        """The latents of the clip alone."""
        return track.latents[:, :, _references(track.parameters) :]

    def _specimen(self, track: Track) -> tuple[Tensor, Pixels]:
        clip = copy(track)
        clip.latents = self.final_latents(track)
        clip.parameters = track.parameters.model_copy(update={"reference_images": ()})
        return super()._specimen(clip)


def _references(parameters: Any) -> int:
    return len(parameters.reference_images)


def _scale(track: Track) -> float:
    scale: float = getattr(track.parameters, "conditioning_scale")  # noqa: B009  (of this family's parameters)
    return scale
