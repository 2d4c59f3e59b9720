"""The demo model as a plain pipeline of diffusers, as somebody would write it who has no farm."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, SanaPipeline
from diffusers.utils import logging as diffusers_logging
from PIL import Image
from transformers.utils import logging as transformers_logging

from tests.benchmarks.peers.pictures import Picture

#: Pictures of one call of the pipeline, as the farm's pool has it.
MOST = 8
_FLOW = {"flow_shift": 3.0, "num_train_timesteps": 1000}


def alike(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Those that one call of the pipeline can render, together, in the order of their first; at most MOST in each."""
    found: dict[Any, list[Picture]] = {}
    for picture in pictures:
        kind = tuple(picture[name] for name in ("width", "height", "steps", "guidance", "sampler"))  # type: ignore[literal-required]
        found.setdefault(kind, []).append(picture)
    return [same[at : at + MOST] for same in found.values() for at in range(0, len(same), MOST)]


class Pipeline:
    """The pipeline with one thread, as the farm's demo pool has it."""

    def __init__(self, weights: str) -> None:
        for library in (diffusers_logging, transformers_logging):
            library.set_verbosity_error()
            library.disable_progress_bar()
        torch.set_num_threads(1)
        # Without a dtype the text encoder would be bfloat16, as its file is, and all else float32: other pictures.
        self._pipeline: Any = SanaPipeline.from_pretrained(
            weights, torch_dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
        self._pipeline.set_progress_bar_config(disable=True)

    def render(self, pictures: Sequence[Picture]) -> list[np.ndarray]:
        """One call for pictures that are alike. Each is (height, width, 3) of uint8."""
        first = pictures[0]
        self._pipeline.scheduler = _sampler(first["sampler"])
        images = self._pipeline(
            prompt=[picture["prompt"] for picture in pictures],
            generator=[torch.Generator("cpu").manual_seed(picture["seed"]) for picture in pictures],
            width=first["width"],
            height=first["height"],
            num_inference_steps=first["steps"],
            guidance_scale=first["guidance"],
            use_resolution_binning=False,
            output_type="np",
        )[0]
        return [(image * 255).round().astype(np.uint8) for image in images]


def _sampler(name: str) -> Any:
    if name == "euler":
        return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0)
    return DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, algorithm_type="dpmsolver++", solver_order=2, **_FLOW
    )


def png(pixels: np.ndarray) -> bytes:
    """At the level of zlib that the farm's workers use."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=4)
    return file.getvalue()
