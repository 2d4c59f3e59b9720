"""Sana: text to image with one transformer pass for both halves of the guidance."""

import inspect
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from diffusers import SanaPipeline
from diffusers.pipelines.pixart_alpha.pipeline_pixart_alpha import (
    ASPECT_RATIO_512_BIN,
    ASPECT_RATIO_1024_BIN,
)
from diffusers.pipelines.pixart_alpha.pipeline_pixart_sigma import ASPECT_RATIO_2048_BIN
from diffusers.pipelines.sana.pipeline_sana import ASPECT_RATIO_4096_BIN
from torch import Tensor

from workers.denoising.track import Embeddings, Pixels, Track
from workers.families.base import Family, Prepared, Refused
from workers.families.compute_dtype import compute_dtype
from workers.families.crop import crop
from workers.families.guidance import guide_tracks, to_uint8
from workers.families.prompt_encoding import (
    EncodedText,
    encode_prompts,
    encode_sana_text,
    longest_text,
    negative_prompt,
    padded_rows,
    rounded_length,
)

#: Edge in pixels → the table that the pipelines take for a transformer of that size.
_BIN_TABLES = {
    512: ASPECT_RATIO_512_BIN,
    1024: ASPECT_RATIO_1024_BIN,
    2048: ASPECT_RATIO_2048_BIN,
    4096: ASPECT_RATIO_4096_BIN,
}
_SIZE_MULTIPLE = 32  # the pipelines' own check


class SanaFamily(Family):
    """Sana 1.0 and 1.5, 512 to 4096 pixels."""

    pipeline_class: ClassVar[type[Any]] = SanaPipeline
    #: What the pipeline's `encode_prompt` is told so that it encodes no second text.
    text_alone: ClassVar[dict[str, bool]] = {"do_classifier_free_guidance": False}

    def check_shape(self, prepared: Prepared) -> None:
        order, asked = prepared.order, prepared.parameters
        width, height = asked.width, asked.height
        if self.entry.bins is not None:
            table = _BIN_TABLES[self.entry.bins]
            height, width = self.pipeline.image_processor.classify_height_width_bin(height, width, ratios=table)
        if (order.width, order.height, order.frames) != (width, height, 1):
            raise Refused(
                f"ordered as {order.width}x{order.height}x{order.frames}, but {self.entry.name} renders "
                f"{asked.width}x{asked.height} as {width}x{height}x1"
            )
        if width % _SIZE_MULTIPLE or height % _SIZE_MULTIPLE:
            raise Refused(f"width and height must be multiples of {_SIZE_MULTIPLE}, and are {width}x{height}")

    def encode(self, prepared: Prepared, negative: Embeddings | None = None) -> Embeddings:
        with_instruction = partial(self._encode, prepared, instruction=self.instruction(prepared))
        return encode_prompts(prepared, with_instruction, partial(self._encode, prepared), negative)

    def _encode(self, prepared: Prepared, prompt: str, instruction: list[str] | None = None) -> EncodedText:
        """One text, as long as it needs."""
        tokens = prepared.parameters.max_sequence_length
        if self.spares_padding(prepared.parameters):
            tokens = self._length(prompt, instruction, tokens)
        return encode_sana_text(
            self.pipeline, prompt, tokens=tokens, instruction=instruction, device=self.device, **self.text_alone
        )

    def _length(self, prompt: str, instruction: list[str] | None, most: int) -> int:
        """As many tokens as are left of the text without its instruction, of which the pipeline keeps the first."""
        [text] = self.pipeline._text_preprocessing([prompt])
        if not instruction:
            return rounded_length(len(self.pipeline.tokenizer.encode(text)), most)
        before = "\n".join(instruction)
        tokens = [len(self.pipeline.tokenizer.encode(each)) for each in (before, before + text)]
        return rounded_length(max(2, tokens[1] - tokens[0] + 2), most)

    def encode_key(self, prepared: Prepared) -> Hashable | None:
        asked = prepared.parameters
        negative = negative_prompt(prepared) if prepared.guided else None
        texts = [
            text if text is None else self.pipeline._text_preprocessing([text])[0] for text in (asked.prompt, negative)
        ]
        padding = self.spares_padding(prepared.parameters), asked.max_sequence_length
        return (*texts, prepared.guided, *padding, tuple(self.instruction(prepared) or ()))

    def negative_key(self, prepared: Prepared) -> Hashable | None:
        """The instruction is for the prompt alone."""
        if not prepared.guided:
            return None
        asked = prepared.parameters
        [text] = self.pipeline._text_preprocessing([negative_prompt(prepared)])
        return text, self.spares_padding(asked), asked.max_sequence_length

    def instruction(self, prepared: Prepared) -> list[str] | None:
        """The pipeline's own complex_human_instruction, or None when the render turned it off."""
        if not getattr(prepared.parameters, "complex_human_instruction", False):
            return None
        signature = inspect.signature(type(self.pipeline).__call__)
        lines: list[str] = signature.parameters["complex_human_instruction"].default
        return lines

    def pass_key(self, track: Track) -> Hashable:
        """Texts of any length share a pass: a mask hides where the shorter ones end."""
        return tuple(track.latents.shape)

    def text_tokens(self, batch: Sequence[Track]) -> int | None:
        return longest_text(batch) if self.spares_padding(batch[0].parameters) else None

    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        sampler = self.new_sampler(prepared)
        sampler.set_timesteps(prepared.parameters.num_inference_steps, device=self.device)
        generator = self.new_generator(prepared)
        return Track(
            order=prepared.order,
            parameters=prepared.parameters,
            guided=prepared.guided,
            embeddings=embeddings,
            sampler=sampler,
            generator=generator,
            timesteps=sampler.timesteps,
            latents=self.first_latents(prepared, generator),
        )

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> Tensor:
        """Noise of (1, channels, height / f, width / f), float32 whatever the model's dtype."""
        latents: Tensor = self.pipeline.prepare_latents(
            1,
            self.pipeline.transformer.config.in_channels,
            prepared.order.height,
            prepared.order.width,
            torch.float32,
            self.device,
            generator,
        )
        return latents

    def predict(self, tracks: Sequence[Track]) -> list[Tensor]:
        config = self.pipeline.transformer.config
        guided = [track for track in tracks if track.guided]
        rows = [*guided, *tracks]  # the rows without the prompt first, as the pipeline stacks them
        tokens = longest_text(tracks)
        negative = [track.embeddings for track in guided]
        text = padded_rows([*(its.negative for its in negative), *(it.embeddings.text for it in tracks)], tokens)
        mask = padded_rows([*(its.negative_mask for its in negative), *(it.embeddings.mask for it in tracks)], tokens)
        # Samplers disagree on the dtype of timesteps; as floats all of them are exact.
        timestep = torch.stack([track.timesteps[track.step].float() for track in rows])
        prediction = self.forward(guided, tracks, timestep, text, mask).float()
        unconditional, conditional = prediction[: len(guided)], prediction[len(guided) :]
        predictions = guide_tracks(tracks, conditional, unconditional)
        if config.out_channels // 2 == config.in_channels:  # learned sigma
            return [found.chunk(2, dim=1)[0] for found in predictions]
        return predictions

    def forward(
        self, guided: Sequence[Track], tracks: Sequence[Track], timestep: Tensor, text: Tensor, mask: Tensor
    ) -> Tensor:
        """The transformer over len(guided) rows without the prompt and len(tracks) with it."""
        transformer = self.pipeline.transformer
        with self.step_caches.call("both"):
            prediction: Tensor = transformer(
                torch.cat([track.latents for track in (*guided, *tracks)]).to(compute_dtype(transformer)),
                encoder_hidden_states=text.to(compute_dtype(transformer)),
                encoder_attention_mask=mask,
                timestep=timestep * transformer.config.timestep_scale,
                return_dict=False,
            )[0]
        return prediction

    def decode(self, tracks: Sequence[Track]) -> list[Pixels | None]:
        vae, processor = self.pipeline.vae, self.pipeline.image_processor
        latents = torch.cat([self.final_latents(track) for track in tracks]).to(compute_dtype(vae))
        images = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
        pixels = []
        for image, track in zip(images.split(1), tracks, strict=True):
            asked = track.parameters
            cut = crop(image, asked.width, asked.height)
            pixels.append(to_uint8(processor.postprocess(cut, output_type="np")[0]))
        return pixels

    def final_latents(self, track: Track) -> Tensor:
        """What the VAE decodes."""
        return track.latents
