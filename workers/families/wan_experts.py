"""Wan 2.2 A14B: two transformers of the same size, one for the noisy steps and one for the others."""

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from farm.catalog.schema import ModelEntry
from farm.params.request.base import HIGH_NOISE, LOW_NOISE
from workers.denoising.track import Track
from workers.families.base import Unsuitable
from workers.families.wan import WanFamily
from workers.families.wan_i2v import WanImageToVideoFamily


class WanExpertsFamily(WanFamily):
    """Wan 2.2 A14B text to video. Both experts stay where the pool lays the transformer; a pass is of one of them."""

    two_experts: ClassVar[bool] = True
    experts: ClassVar[Mapping[str | None, str]] = {HIGH_NOISE: "transformer", LOW_NOISE: "transformer_2"}

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        super().__init__(pipeline, entry, device)
        absent = [name for name in self.experts.values() if getattr(pipeline, name, None) is None]
        if absent:
            raise Unsuitable(f"{entry.name} has a boundary between two experts and no {' and no '.join(absent)}")

    def expert_of(self, track: Track) -> str | None:
        """By the step's timestep, as the pipeline decides it: in float32, from the boundary on the noisy one's."""
        boundary: float = self.pipeline.config.boundary_ratio * track.sampler.config.num_train_timesteps
        timestep, _ = track.schedule[track.step]
        expert: str = HIGH_NOISE if np.float32(timestep) >= np.float32(boundary) else LOW_NOISE
        return expert

    def pass_key(self, track: Track) -> Hashable:
        return (super().pass_key(track), self.expert_of(track))

    def guidance_of(self, track: Track) -> float:
        if self.expert_of(track) == HIGH_NOISE:
            return track.parameters.guidance_scale
        scale: float = getattr(track.parameters, "guidance_scale_2")  # noqa: B009  (of this family's parameters)
        return scale


class WanExpertsImageToVideoFamily(WanExpertsFamily, WanImageToVideoFamily):
    """Wan 2.2 A14B image to video: the clip begins with a given picture, and may end with another. They reach the model
    as channels alone.
    """
