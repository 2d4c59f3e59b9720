#!/usr/bin/env bash
# Two of diffusers 0.42.1's guiders (torch 2.13.0), those by which modular pipelines mix the passes with and without prompt, seen
# 2026-11-29:
#
#   1. `ClassifierFreeZeroStarGuidance(guidance_rescale=0.7)`: both ideas are for washed-out pictures at high guidance, and each works
#      alone. Together everything is NaN from the first step on: CFG-Zero* makes the first prediction zeros, and rescaling divides
#      by its deviation, 0. A black picture after all steps are paid for; no error, no warning. With `zero_init_steps=0` it renders.
#   2. `MagnitudeAwareGuidance()` takes predictions of three dimensions alone (Flux, Qwen-Image). With the latents of Stable Diffusion,
#      SDXL, Sana (four) and Wan (five) it raises RuntimeError about `linalg.matrix_norm`, which says nothing of guidance.
#   Controls: three other guiders take all three shapes and are finite with rescaling.
#
# Expected before it was tried: a first step of zeros, rescaled or not, and any shape, as of the other guiders. Random predictions.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.guiders import (
    AdaptiveProjectedGuidance,
    ClassifierFreeGuidance,
    ClassifierFreeZeroStarGuidance,
    MagnitudeAwareGuidance,
    TangentialClassifierFreeGuidance,
)

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
SHAPES = {"Flux": (2, 16, 8), "SDXL": (2, 4, 8, 8), "Wan": (2, 4, 3, 8, 8)}


def denoised(guider, shape, steps=6):
    """'finite', 'NaN' or the name of the exception, after all steps with random predictions."""
    dice = torch.Generator().manual_seed(0)
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(steps)
    latents = torch.randn(shape, generator=dice)
    try:
        for step, timestep in enumerate(scheduler.timesteps):
            guider.set_state(step=step, num_inference_steps=steps, timestep=timestep)
            with_prompt, without = (torch.randn(shape, generator=dice) for _ in range(2))
            latents = scheduler.step(guider.forward(with_prompt, without).pred, timestep, latents, return_dict=False)[0]
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "finite" if torch.isfinite(latents).all() else "NaN"


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
as_seen = True
cases = [
    (kind, {"guidance_rescale": rescale} | more, shape)
    for kind in (
        ClassifierFreeGuidance, ClassifierFreeZeroStarGuidance, AdaptiveProjectedGuidance,
        TangentialClassifierFreeGuidance, MagnitudeAwareGuidance,
    )
    for rescale in (0.0, 0.7)
    for more in ([{}, {"zero_init_steps": 0}] if kind is ClassifierFreeZeroStarGuidance else [{}])
    for shape in SHAPES
]
for kind, options, shape in cases:
    seen = denoised(kind(**options), SHAPES[shape])
    expected = "finite"
    if kind is ClassifierFreeZeroStarGuidance and options == {"guidance_rescale": 0.7}:
        expected = "NaN"
    if kind is MagnitudeAwareGuidance and shape != "Flux":
        expected = "RuntimeError: linalg.matrix_norm"
    print(f"  {kind.__name__} {options}, {shape}: {seen}")
    as_seen &= seen.startswith(expected)
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
