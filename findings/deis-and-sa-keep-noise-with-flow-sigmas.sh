#!/usr/bin/env bash
# What two of diffusers 0.42.1's samplers (torch 2.13.0) do with flow models, seen 2026-11-29:
#
#   Five multistep schedulers take `use_flow_sigmas=True, prediction_type="flow_prediction"`, as Sana and Wan need them. With
#   UniPC, DPM-Solver++ (multistep, singlestep) the last sigma is 0. With `DEISMultistepScheduler` and `SASolverScheduler`
#   it is the one before it again: the last step goes nowhere, and what the VAE decodes still holds that share of the
#   noise. At flow_shift 3 that is 0.50 of it after 4 steps, 0.14 after 20, 0.06 after 50. Neither scheduler has
#   `final_sigmas_type`, by which the others could be told, and nothing warns.
#
# Shown without a model: a perfect one predicts the velocity that leads from the present latents straight to the picture, so
# whatever is left at the end is the sampler's. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy<3" "scipy<2"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()

ENDS_AT_ZERO = ("UniPCMultistepScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler")
ENDS_ABOVE = ("DEISMultistepScheduler", "SASolverScheduler")


def left_over(name, steps):
    """The last two sigmas, and how much of the way from noise to picture is missing at the end."""
    scheduler = getattr(diffusers, name)(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    scheduler.set_timesteps(steps)
    torch.manual_seed(0)
    picture, noise = torch.randn(2, 1, 4, 16, 16)
    latents = noise.clone()
    for place, timestep in enumerate(scheduler.timesteps):
        velocity = (latents - picture) / scheduler.sigmas[place]
        latents = scheduler.step(velocity, timestep, latents, return_dict=False)[0]
    missing = (latents - picture).square().mean().sqrt() / (noise - picture).square().mean().sqrt()
    before, last = (float(sigma) for sigma in scheduler.sigmas[-2:])
    return before, last, float(missing)


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
as_seen = True
for name in ENDS_AT_ZERO + ENDS_ABOVE:
    for steps in (4, 20, 50):
        before, last, missing = left_over(name, steps)
        print(f"{name:30} {steps:2} steps: sigmas end {before:.4f}, {last:.4f}; {missing:6.1%} of the noise is left")
        if name in ENDS_AT_ZERO:
            as_seen &= last == 0 and missing < 0.001
        else:
            as_seen &= last == before > 0.05 and abs(missing - last) < 0.05
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
