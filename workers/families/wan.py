"""Wan: text to video, with one transformer pass that sees the prompt and one that does not."""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from diffusers import WanPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from torch import Tensor

from farm.catalog.schema import ModelEntry
from workers.denoising.samplers import Sampler
from workers.denoising.track import Embeddings, Pixels, Track
from workers.families.base import Family, Prepared, Refused, Unsuitable
from workers.families.compute_dtype import compute_dtype
from workers.families.guidance import guide_tracks, rows_of
from workers.families.prompt_encoding import (
    EncodedText,
    encode_prompts,
    encode_wan_text,
    negative_prompt,
    padded,
    rounded_length,
)
from workers.families.video_latents import decode_clips


class WanFamily(Family):
    """Wan 2.1 text to video, and what the other families of Wan share with it. One frame gives a still."""

    pipeline_class: ClassVar[type[Any]] = WanPipeline
    #: How the pipelines that it drives differ from others of the same class.
    two_experts: ClassVar[bool] = False
    timestep_per_token: ClassVar[bool] = False

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        super().__init__(pipeline, entry, device)
        config = pipeline.config
        found = (getattr(config, "boundary_ratio", None) is not None, bool(getattr(config, "expand_timesteps", False)))
        if found != (self.two_experts, self.timestep_per_token):
            raise Unsuitable(
                f"{entry.name} is {_KINDS.get(found, 'of no kind that is known here')}, and the family "
                f"'{entry.family}' drives {_KINDS[self.two_experts, self.timestep_per_token]}; correct 'family' or "
                "'source' in the catalog"
            )

    def check_shape(self, prepared: Prepared) -> None:
        order, asked = prepared.order, prepared.parameters
        _, patch_height, patch_width = self.pipeline.transformer.config.patch_size
        spatial, temporal = self.pipeline.vae_scale_factor_spatial, self.pipeline.vae_scale_factor_temporal
        frames = asked.frames_at_once
        if (order.width, order.height, order.frames) != (asked.width, asked.height, frames):
            raise Refused(
                f"ordered as {order.width}x{order.height}x{order.frames}, but {self.entry.name} renders "
                f"{asked.width}x{asked.height}x{frames} as it is asked"
            )
        multiples = (max(16, spatial * patch_width), max(16, spatial * patch_height))
        if order.width % multiples[0] or order.height % multiples[1]:
            raise Refused(
                f"width and height must be multiples of {multiples[0]} and {multiples[1]}, and are "
                f"{order.width}x{order.height}"
            )
        if frames % temporal != 1:
            raise Refused(f"num_frames must be {temporal} k + 1, and is {frames}")

    def encode(self, prepared: Prepared, negative: Embeddings | None = None) -> Embeddings:
        encode = partial(self._encode, prepared)
        return encode_prompts(prepared, encode, encode, negative)

    def _encode(self, prepared: Prepared, prompt: str) -> EncodedText:
        """(1, the model's constant of tokens, width): what is behind the text is zeros, which the transformer sees."""
        most = prepared.parameters.max_sequence_length
        tokens = most
        if self.spares_padding(prepared.parameters):
            tokens = rounded_length(len(self.pipeline.tokenizer.encode(prompt_clean(prompt))), most)
        text = encode_wan_text(self.pipeline, prompt, tokens=tokens, device=self.device)
        return padded(text.to(compute_dtype(self.pipeline.transformer)), most), None

    def encode_key(self, prepared: Prepared) -> Hashable | None:
        asked = prepared.parameters
        negative = negative_prompt(prepared) if prepared.guided else None
        texts = [text if text is None else prompt_clean(text) for text in (asked.prompt, negative)]
        return (*texts, prepared.guided, self.spares_padding(asked), asked.max_sequence_length)

    def negative_key(self, prepared: Prepared) -> Hashable | None:
        asked = prepared.parameters
        text = negative_prompt(prepared)
        padding = self.spares_padding(asked), asked.max_sequence_length
        return (prompt_clean(text), *padding) if prepared.guided else None

    def new_sampler(self, prepared: Prepared) -> Sampler:
        """The same, ready for its first step."""
        sampler = super().new_sampler(prepared)
        sampler.set_timesteps(prepared.parameters.num_inference_steps, device=self.device)
        sampler.set_begin_index(0)
        return sampler

    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        sampler = self.new_sampler(prepared)
        segments = prepared.parameters.segments
        generator = self.new_generator(prepared)
        latents, conditions = self.first_latents(prepared, generator)
        return Track(
            order=prepared.order,
            parameters=prepared.parameters,
            guided=prepared.guided,
            embeddings=embeddings,
            sampler=sampler,
            generator=generator,
            timesteps=sampler.timesteps if segments == 1 else sampler.timesteps.repeat(segments),
            latents=latents,
            conditions=conditions,
            segments=segments,
        )

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise of (1, channels, (frames - 1) / 4 + 1, height / 8, width / 8), float32; and conditions: none here."""
        order = prepared.order
        latents = self.pipeline.prepare_latents(
            1,
            self.pipeline.transformer.config.in_channels,
            order.height,
            order.width,
            order.frames,
            torch.float32,
            self.device,
            generator,
        )
        return latents, {}

    def conditions(self, prepared: Prepared) -> dict[str, Tensor]:
        return self.first_latents(prepared, self.new_generator(prepared))[1]

    def predict(self, tracks: Sequence[Track]) -> list[Tensor]:
        guided = [track for track in tracks if track.guided]
        conditional = self._forward("cond", tracks, rows_of(track.embeddings.text for track in tracks))
        unconditional = None
        if guided:
            negative = rows_of(track.embeddings.negative for track in guided)
            unconditional = self._forward("uncond", guided, negative)
        return guide_tracks(tracks, conditional, unconditional, self.guidance_of)

    def guidance_of(self, track: Track) -> float:
        """The guidance scale of the track's next pass."""
        return track.parameters.guidance_scale

    def _forward(self, name: str, tracks: Sequence[Track], text: Tensor) -> Tensor:
        """One of the two passes, "cond" or "uncond": a step cache keeps them apart."""
        transformer = self.transformer_of(tracks[0])
        with self.step_caches.call(name):
            prediction: Tensor = transformer(
                hidden_states=torch.cat([self.seen(track) for track in tracks]).to(compute_dtype(transformer)),
                timestep=torch.stack([self.timestep_of(track) for track in tracks]),
                encoder_hidden_states=text,
                return_dict=False,
                **self.beside(tracks, name),
            )[0]
        return prediction

    def timestep_of(self, track: Track) -> Tensor:
        """The timestep of the track's next pass, a scalar."""
        # Samplers disagree on the dtype of timesteps; as floats all of them are exact.
        return track.timesteps[track.step].float()

    def seen(self, track: Track) -> Tensor:
        """What the transformer sees of a track, (1, channels, frames, height, width)."""
        return track.latents

    def beside(self, tracks: Sequence[Track], name: str) -> dict[str, Tensor]:
        """What else it is given in this one of the two passes: "cond" or "uncond"."""
        return {}

    def decode(self, tracks: Sequence[Track]) -> list[Pixels | None]:
        return decode_clips(self.pipeline, torch.cat([self.final_latents(track) for track in tracks]))


#: (two experts, a timestep for each token) → what such a pipeline is.
_KINDS = {
    (False, False): "a Wan 2.1 model",
    (True, False): "a Wan 2.2 model of two experts (boundary_ratio)",
    (False, True): "a Wan 2.2 model with a timestep for each token (expand_timesteps)",
}
