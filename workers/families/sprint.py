"""SANA-Sprint: one to four steps of a consistency sampler; the guidance scale is an input of the model.

A render may start from a picture: the picture is noised as far as `strength` says and the first steps are left out.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import SanaSprintPipeline
from torch import Tensor

from workers.denoising.samplers import Sampler
from workers.denoising.track import Embeddings, Track
from workers.families.base import Prepared, Refused
from workers.families.compute_dtype import compute_dtype
from workers.families.condition_pictures import picture_of
from workers.families.prompt_encoding import longest_text, padded_rows
from workers.families.sana import SanaFamily

_MAX_TIMESTEP = 1.57080  # defaults of the pipeline's __call__
_INTERMEDIATE_TIMESTEP = 1.3  # exists for two steps only: the scheduler refuses it for any other number


class SprintFamily(SanaFamily):
    """SANA-Sprint: text to image, and picture to picture as SanaSprintImg2ImgPipeline makes it."""

    pipeline_class: ClassVar[type[Any]] = SanaSprintPipeline
    text_alone: ClassVar[dict[str, bool]] = {}

    def negative_key(self, prepared: Prepared) -> None:
        return None

    def encode(self, prepared: Prepared, negative: Embeddings | None = None) -> Embeddings:
        return Embeddings(*self._encode(prepared, prepared.parameters.prompt, self.instruction(prepared)))

    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        steps = prepared.parameters.num_inference_steps
        sampler = self.new_sampler(prepared)
        sampler.set_timesteps(
            steps,
            device=self.device,
            max_timesteps=_MAX_TIMESTEP,
            intermediate_timesteps=_INTERMEDIATE_TIMESTEP if steps == 2 else None,
        )
        begin = _left_out(prepared)
        if begin >= steps:
            raise Refused(f"strength is so small that none of {steps} steps is left; take more")
        sampler.set_begin_index(begin)
        generator = self.new_generator(prepared)
        timesteps = sampler.timesteps[begin:]
        noise = self.first_latents(prepared, generator) * sampler.config.sigma_data
        return Track(
            order=prepared.order,
            parameters=prepared.parameters,
            guided=False,  # no second pass: the scale is embedded
            embeddings=embeddings,
            sampler=sampler,
            generator=generator,
            timesteps=timesteps[:-1],
            latents=self._noised_picture(prepared, sampler, timesteps[:1], noise) if _has_picture(prepared) else noise,
        )

    def _noised_picture(self, prepared: Prepared, sampler: Sampler, angle: Tensor, noise: Tensor) -> Tensor:
        """The picture's latents turned towards noise by an angle, (1, channels, height / f, width / f), float32.

        It is scaled to the rendered size without keeping its proportions, as the pipeline does it.
        """
        vae, order = self.pipeline.vae, prepared.order
        picture = self.pipeline.image_processor.preprocess(
            picture_of(prepared, "image"), height=order.height, width=order.width
        ).to(device=self.device, dtype=compute_dtype(vae))
        clean = vae.encode(picture).latent * vae.config.scaling_factor * sampler.config.sigma_data
        noised: Tensor = torch.cos(angle) * clean + torch.sin(angle) * noise
        return noised

    def predict(self, tracks: Sequence[Track]) -> list[Tensor]:
        transformer = self.pipeline.transformer
        sigma_data = tracks[0].sampler.config.sigma_data
        tokens = longest_text(tracks)
        text = padded_rows((track.embeddings.text for track in tracks), tokens)
        scales = [track.parameters.guidance_scale for track in tracks]
        guidance = torch.tensor(scales, dtype=torch.float32, device=self.device).to(text.dtype)

        # From the sampler's angle to the flow time the transformer was trained on, and its input scaled to
        # match.
        angle = torch.stack([track.timesteps[track.step] for track in tracks])
        time = torch.sin(angle) / (torch.cos(angle) + torch.sin(angle))
        each = time.view(-1, 1, 1, 1)
        latents = torch.cat([track.latents for track in tracks]) / sigma_data
        latents = latents * torch.sqrt(each**2 + (1 - each) ** 2)

        velocity = transformer(
            latents.to(compute_dtype(transformer)),
            encoder_hidden_states=text.to(compute_dtype(transformer)),
            encoder_attention_mask=padded_rows((track.embeddings.mask for track in tracks), tokens),
            guidance=guidance * transformer.config.guidance_embeds_scale,
            timestep=time,
            return_dict=False,
        )[0]

        # And back: from the flow velocity to the prediction that the trigonometric sampler expects.
        prediction = ((1 - 2 * each) * latents + (1 - 2 * each + 2 * each**2) * velocity) / torch.sqrt(
            each**2 + (1 - each) ** 2
        )
        return list(torch.split(prediction.float() * sigma_data, 1))

    def advance(self, track: Track, prediction: Tensor) -> None:
        timestep = track.timesteps[track.step].expand(1)
        track.latents, track.denoised = track.sample(prediction, timestep)
        track.step += 1

    def final_latents(self, track: Track) -> Tensor:
        """The sampler's last estimate of the clean image, not its last sample."""
        if track.denoised is None:
            raise RuntimeError("a track that has taken no step cannot be decoded")
        denoised: Tensor = track.denoised / track.sampler.config.sigma_data
        return denoised


def _has_picture(prepared: Prepared) -> bool:
    return getattr(prepared.parameters, "image", None) is not None


def _left_out(prepared: Prepared) -> int:
    """How many of the first steps a picture saves: `get_timesteps` of SanaSprintImg2ImgPipeline, to the bit."""
    if not _has_picture(prepared):
        return 0
    steps = prepared.parameters.num_inference_steps
    strength: float = getattr(prepared.parameters, "strength", None) or 1.0
    return int(max(steps - min(steps * strength, steps), 0))
