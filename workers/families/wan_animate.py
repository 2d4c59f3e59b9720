"""Wan Animate: the character of a picture moved as poses and a face say, or put into a clip; in segments."""

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers import WanAnimatePipeline
from torch import Tensor

from farm.params.request.base import RenderParameters, WanAnimateParameters
from farm.params.segments import frames_made
from workers.denoising.checkpoint_file import Saved
from workers.denoising.track import Embeddings, Pixels, Track
from workers.families.base import Prepared, Refused
from workers.families.compute_dtype import compute_dtype
from workers.families.condition_clips import frames_at
from workers.families.condition_pictures import picture_of
from workers.families.video_latents import clip_pixels, decode_clips, decoded
from workers.families.wan import WanFamily

#: Of what former segments have become: bytes (frames, height, width, 3) in host memory, and the last frames of the
#: newest as the VAE made them, (1, 3, frames, height, width), with which the next one begins.
_FRAMES, _LAST = "frames", "last"
#: Frames and pixels (along an edge) that a latent position stands for, about: for previews.
_LATENT_FRAMES, _LATENT_PIXELS = 4, 8


class WanAnimateFamily(WanFamily):
    """Wan 2.2 Animate. The character reaches the model through CLIP as tokens and through the VAE as a latent frame
    before the clip's own; poses are added to the latents; a face that is looked at in each pass is added behind some
    blocks. A clip longer than a segment takes all steps once for each: at the end of one it is decoded, and its last
    frames are what the next begins with.
    """

    pipeline_class: ClassVar[type[Any]] = WanAnimatePipeline

    def check_shape(self, prepared: Prepared) -> None:
        super().check_shape(prepared)
        asked = _asked(prepared.parameters)
        shared = asked.prev_segment_conditioning_frames
        if asked.segment_frame_length <= 2 * shared or asked.num_frames <= shared:
            raise Refused(
                f"segments of {asked.segment_frame_length} frames that share {shared} make no clip of "
                f"{asked.num_frames}"
            )
        if asked.mode == "replace" and (asked.background_video is None or asked.mask_video is None):
            raise Refused("to replace a character a background and its mask are needed")

    def first_latents(self, prepared: Prepared, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Noise of (1, channels, 1 + frames, height / 8, width / 8): the character's frame comes first. And conditions:
        `picture` (1, tokens, width) and `character` (1, 4 + channels, 1, height / 8, width / 8), which hold for all
        segments, and those of the first one.
        """
        pipeline, order = self.pipeline, prepared.order
        picture = picture_of(prepared, "image")
        pixels = pipeline.vae_image_processor.preprocess(
            picture, height=order.height, width=order.width, resize_mode="fill"
        ).to(self.device, dtype=torch.float32)
        seen = pipeline.encode_image(picture, self.device).to(compute_dtype(pipeline.transformer))
        character = pipeline.prepare_reference_image_latents(pixels, 1, generator=generator, device=self.device)
        conditions = {"picture": seen, "character": character}
        latents = self._noise(prepared, generator)
        return latents, conditions | self._segment(prepared, 0, character, None, generator)

    def restore(self, prepared: Prepared, embeddings: Embeddings, saved: Saved) -> Track:
        track = super().restore(prepared, embeddings, saved)
        if _LAST in track.done:
            track.done = track.done | {_LAST: track.done[_LAST].to(self.device)}
            self._look_at(track, prepared)
        return track

    def needs_vae(self, track: Track) -> bool:
        return track.segments > 1 and _begins_segment(track, track.step + 1)

    def advance(self, track: Track, prediction: Tensor) -> None:
        """Take the sampler's step; behind the last one of a segment also begin the next."""
        super().advance(track, prediction)
        if track.segments > 1 and _begins_segment(track, track.step):
            self._begin_segment(track)

    def _begin_segment(self, track: Track) -> None:
        """Decode what has been made, and begin anew: with noise, a sampler without memory, and these last frames.

        Raises ValueError where what was decoded is no numbers, and OSError where a clip is no longer there.
        """
        prepared = Prepared(track.order, track.parameters)
        shared = _asked(prepared.parameters).prev_segment_conditioning_frames
        frames = decoded(self.pipeline, self.final_latents(track))
        [pixels] = clip_pixels(self.pipeline, frames)
        if pixels is None:
            raise ValueError("a segment holds values that are not numbers (NaN)")
        made = torch.from_numpy(pixels)
        if _FRAMES in track.done:
            made = torch.cat([track.done[_FRAMES], made[shared:]])
        track.done = {_FRAMES: made, _LAST: frames[:, :, -shared:].clone()}
        track.sampler = self.new_sampler(prepared)
        track.latents = self._noise(prepared, track.generator)
        try:
            self._look_at(track, prepared)
        except Refused as error:  # it could be read as the render began: another attempt has it fetched again
            raise OSError(f"{error}; it was there before") from error

    def _look_at(self, track: Track, prepared: Prepared) -> None:
        """Set the conditions of the segment that the track is in."""
        number = min(track.step // (track.steps // track.segments), track.segments - 1)
        own = self._segment(prepared, number, track.conditions["character"], track.done[_LAST], track.generator)
        track.conditions = track.conditions | own

    def _noise(self, prepared: Prepared, generator: torch.Generator) -> Tensor:
        order, pipeline = prepared.order, self.pipeline
        latents: Tensor = pipeline.prepare_latents(
            1,
            num_channels_latents=pipeline.vae.config.z_dim,
            height=order.height,
            width=order.width,
            num_frames=order.frames,
            dtype=torch.float32,
            device=self.device,
            generator=generator,
        )
        return latents

    def _segment(
        self, prepared: Prepared, number: int, character: Tensor, last: Tensor | None, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The conditions of one segment: `poses` (1, channels, frames, height / 8, width / 8), `face` (1, 3, frames,
        edge, edge) in pixels, and `given` (1, 4 + channels, 1 + frames, height / 8, width / 8): the character's frame,
        and behind it what is there already, with a mask. Nothing is drawn from the generator.
        """
        pipeline, asked, order = self.pipeline, _asked(prepared.parameters), prepared.order
        shared = asked.prev_segment_conditioning_frames
        start = number * (asked.segment_frame_length - shared)
        places = self._places(asked)[start : start + asked.segment_frame_length]
        dtype, edge = compute_dtype(pipeline.transformer), pipeline.transformer.config.motion_encoder_size

        def pixels(name: str, height: int = order.height, width: int = order.width, *, mask: bool = False) -> Tensor:
            # Scaled without keeping its proportions, as the pipeline does it.
            processor = pipeline.video_processor_for_mask if mask else pipeline.video_processor
            found: Tensor = processor.preprocess_video(frames_at(prepared, name, places), height=height, width=width)
            return found.to(self.device, dtype=torch.float32)

        replaces = asked.mode == "replace"
        poses = pipeline.prepare_pose_latents(pixels("pose_video"), 1, generator=generator, device=self.device)
        given = pipeline.prepare_prev_segment_cond_latents(
            last,
            background_video=pixels("background_video") if replaces else None,
            mask_video=pixels("mask_video", mask=True) if replaces else None,
            batch_size=1,
            segment_frame_length=asked.segment_frame_length,
            start_frame=start,
            height=order.height,
            width=order.width,
            prev_segment_cond_frames=shared,
            task=asked.mode,
            generator=generator,
            device=self.device,
        )
        return {
            "poses": poses.to(dtype),
            "face": pixels("face_video", edge, edge).to(dtype),
            "given": torch.cat([character, given], dim=2),
        }

    def _places(self, asked: WanAnimateParameters) -> list[int]:
        """For each frame of all segments the frame of the render that it follows: beyond its end they go back."""
        shared = asked.prev_segment_conditioning_frames
        made = frames_made(asked.segments, asked.segment_frame_length, shared)
        places: list[int] = self.pipeline.pad_video_frames(list(range(asked.num_frames)), made)
        return places

    def seen(self, track: Track) -> Tensor:
        return torch.cat([track.latents, track.conditions["given"]], dim=1)

    def beside(self, tracks: Sequence[Track], name: str) -> dict[str, Tensor]:
        """What each has of character, poses and face; the pass without the prompt has a black face."""
        face = torch.cat([track.conditions["face"] for track in tracks])
        return {
            "encoder_hidden_states_image": torch.cat([track.conditions["picture"] for track in tracks]),
            "pose_hidden_states": torch.cat([track.conditions["poses"] for track in tracks]),
            "face_pixel_values": face if name == "cond" else face * 0 - 1,
        }

    def final_latents(self, track: Track) -> Tensor:
        """The latents of the segment without the character's frame."""
        return track.latents[:, :, 1:]

    def decode(self, tracks: Sequence[Track]) -> list[Pixels | None]:
        """The clips; of a draft the segment that it stopped in, behind those that are there."""
        clips = decode_clips(self.pipeline, torch.cat([self.final_latents(track) for track in tracks]))
        return [_joined(track, pixels) for track, pixels in zip(tracks, clips, strict=True)]

    def shows_all(self, track: Track) -> bool:
        return track.segments == 1 and track.parameters.frames == track.order.frames

    def preview(self, track: Track) -> Pixels:
        """The segments that are there, small, and what the latents of this one look like."""
        shown = super().preview(track)
        if _FRAMES not in track.done:
            return shown
        former = track.done[_FRAMES][::_LATENT_FRAMES, ::_LATENT_PIXELS, ::_LATENT_PIXELS].numpy()
        return np.concatenate([former, shown])

    def _specimen(self, track: Track) -> tuple[Tensor, Pixels]:
        alone = copy(track)
        alone.done = {}
        return super()._specimen(alone)


def _asked(parameters: RenderParameters) -> WanAnimateParameters:
    if not isinstance(parameters, WanAnimateParameters):
        raise Refused(f"these are no parameters of Wan Animate: {parameters.family}")
    return parameters


def _begins_segment(track: Track, step: int) -> bool:
    """Whether this is the first step of a segment that is not the first."""
    return 0 < step < track.steps and step % (track.steps // track.segments) == 0


def _joined(track: Track, pixels: Pixels | None) -> Pixels | None:
    """What was made before, and what is decoded now but for the frames that both have; as long as it was asked."""
    if pixels is None:
        return None
    if _FRAMES in track.done:
        shared = _asked(track.parameters).prev_segment_conditioning_frames
        pixels = np.concatenate([track.done[_FRAMES].numpy(), pixels[shared:]])
    return pixels[: track.parameters.frames]
