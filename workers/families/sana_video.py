"""SANA-Video: clips from a prompt, or from a prompt and the picture that they begin with."""

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import torch
from diffusers import SanaImageToVideoPipeline, SanaVideoPipeline
from torch import Tensor

from farm.catalog.schema import ModelEntry
from workers.denoising.track import Embeddings, Pixels, Track
from workers.families.base import Prepared, Refused, Unsuitable
from workers.families.compute_dtype import compute_dtype
from workers.families.condition_pictures import picture_of
from workers.families.sana import SanaFamily
from workers.families.video_latents import decode_clips

_SIZE_MULTIPLE = 32  # the pipeline's own check


class SanaVideoFamily(SanaFamily):
    """SANA-Video 2B. The same weights make clips from text alone and from a first picture.

    That of 480p has Wan's video autoencoder, that of 720p LTX2's: 8 frames and 32 pixels a latent.
    """

    pipeline_class: ClassVar[type[Any]] = SanaVideoPipeline

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        super().__init__(pipeline, entry, device)
        temporal, told = pipeline.vae_scale_factor_temporal, entry.frame_multiple
        if temporal != told:
            raise Unsuitable(
                f"its video autoencoder makes clips of {temporal}k + 1 frames, and the entry says {told}k + 1; "
                f"correct 'frame_multiple' or 'source' in the catalog"
            )

    def check_shape(self, prepared: Prepared) -> None:
        order, asked = prepared.order, prepared.parameters
        temporal = self.pipeline.vae_scale_factor_temporal
        if (order.width, order.height, order.frames) != (asked.width, asked.height, asked.frames):
            raise Refused(
                f"ordered as {order.width}x{order.height}x{order.frames}, but {self.entry.name} renders "
                f"{asked.width}x{asked.height}x{asked.frames} as it is asked"
            )
        if order.width % _SIZE_MULTIPLE or order.height % _SIZE_MULTIPLE:
            raise Refused(
                f"width and height must be multiples of {_SIZE_MULTIPLE}, and are {order.width}x{order.height}"
            )
        if (order.frames - 1) % temporal:
            raise Refused(f"num_frames must be {temporal} k + 1, and is {order.frames}")
        if _has_picture(prepared) and order.frames == 1:
            raise Refused("a clip that begins with a picture needs more frames than that one")

    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        track = super().start(prepared, embeddings)
        if _has_picture(prepared):
            track.conditions["given"] = self._given(track.latents)
        return track

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> Tensor:
        """Noise of (1, channels, frames, height / f, width / f), float32, with the picture in the first frame."""
        order, channels = prepared.order, self.pipeline.transformer.config.in_channels
        rest = (channels, order.height, order.width, order.frames, torch.float32, self.device, generator)
        if _has_picture(prepared):
            # Scaled to the rendered size without keeping its proportions, as the pipeline does it.
            pixels = self.pipeline.video_processor.preprocess(
                picture_of(prepared, "image"), height=order.height, width=order.width
            ).to(self.device, dtype=torch.float32)
            # The other pipeline's method on this one, which has the same parts: a second pipeline would hold on to
            # those that are to be let go of.
            begun: Tensor = SanaImageToVideoPipeline.prepare_latents(self.pipeline, pixels, 1, *rest)
            return begun
        latents: Tensor = self.pipeline.prepare_latents(1, *rest)
        return latents

    def _given(self, latents: Tensor) -> Tensor:
        """1 for each token of the first frame, which is given, and 0 for the others: (1, 1, frames, height, width)."""
        _, _, frames, height, width = latents.shape
        patch_frames, patch_height, patch_width = self.pipeline.transformer.config.patch_size
        mask = latents.new_zeros(1, 1, frames // patch_frames, height // patch_height, width // patch_width)
        mask[:, :, 0] = 1.0
        return mask

    def pass_key(self, track: Track) -> Hashable:
        # With a picture each token has a timestep of its own, else each clip.
        return (super().pass_key(track), "given" in track.conditions)

    def forward(
        self, guided: Sequence[Track], tracks: Sequence[Track], timestep: Tensor, text: Tensor, mask: Tensor
    ) -> Tensor:
        rows, transformer = (*guided, *tracks), self.pipeline.transformer
        if "given" in tracks[0].conditions:
            given = torch.cat([track.conditions["given"] for track in rows])
            timestep = timestep.view(-1, 1, 1, 1, 1).expand(given.shape) * (1 - given)
        with self.step_caches.call("both"):
            prediction: Tensor = transformer(
                torch.cat([track.latents for track in rows]).to(compute_dtype(transformer)),
                encoder_hidden_states=text.to(compute_dtype(transformer)),
                encoder_attention_mask=mask,
                timestep=timestep,
                return_dict=False,
            )[0]
        return prediction

    def advance(self, track: Track, prediction: Tensor) -> None:
        if "given" not in track.conditions:
            super().advance(track, prediction)
            return
        # The first frame is given and stays; the sampler never sees it.
        whole = track.latents
        track.latents = whole[:, :, 1:]
        super().advance(track, prediction[:, :, 1:])
        track.latents = torch.cat([whole[:, :, :1], track.latents], dim=2)

    def estimate(self, track: Track, prediction: Tensor) -> Tensor:
        predicted = super().estimate(track, prediction)
        if "given" in track.conditions:
            predicted = torch.cat([track.latents[:, :, :1], predicted[:, :, 1:]], dim=2)
        return predicted

    def decode(self, tracks: Sequence[Track]) -> list[Pixels | None]:
        return decode_clips(self.pipeline, torch.cat([track.latents for track in tracks]))


def _has_picture(prepared: Prepared) -> bool:
    return getattr(prepared.parameters, "image", None) is not None
