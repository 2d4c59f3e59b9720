#!/usr/bin/env bash
# What two samplers of diffusers 0.42.1 make of a picture to start from (torch 2.13.0, scipy 1.17.1), seen 2026-11-30:
#
#   Image to image, inpainting and SDXL's refiner (`denoising_start`) enter the schedule in the middle: they put noise of that step
#   on the picture and begin there by `set_begin_index`.
#   1. `LMSDiscreteScheduler` weighs the last four slopes. How many there are yet it takes from the number of the step in the
#      schedule, not from what it has seen. So the first step in the middle is by one weight of a set of four, 1.9 times as far as is
#      due (strength 0.3 of 10 steps), and the second goes backwards, -0.2 times. With a perfect model the result has 1.6 of the
#      right deviation, full of noise; at 0.5 of 4 steps 0.1, a blur, where the others have 0.8 and 0.5.
#   2. `PNDMScheduler` begins with twelve calls of Runge-Kutta, and takes the timesteps for them from the top of the schedule,
#      wherever it is. At strength 0.5 of 20 steps the result has 2.9 of the deviation, at 0.05 thirty thousand times. With
#      `skip_prk_steps=True`, as Stable Diffusion's own configuration has it, it is right.
#   From pure noise both are right, so nothing is seen in text to image. No error, no warning.
#
# Expected before it was tried: orders that grow with the steps that were made, as in DPM++, UniPC and DEIS (the controls). A
# perfect model of a normal distribution in place of weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "scipy==1.17.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import diffusers
import torch
from diffusers import (
    DEISMultistepScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler,
    UniPCMultistepScheduler,
)

diffusers.utils.logging.set_verbosity_error()
DEVIATION = 0.5
DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
WAYS = [(20, 1.0), (20, 0.5), (10, 0.3), (4, 0.5), (20, 0.05)]  # steps and strength
SAMPLERS = {
    "LMS": (LMSDiscreteScheduler, {}), "PNDM": (PNDMScheduler, {}),
    "PNDM, skip_prk_steps": (PNDMScheduler, {"skip_prk_steps": True}),
    "Euler": (EulerDiscreteScheduler, {}), "DPM++": (DPMSolverMultistepScheduler, {}), "UniPC": (UniPCMultistepScheduler, {}),
    "DEIS": (DEISMultistepScheduler, {}),
}
levels = EulerDiscreteScheduler(**DIFFUSION).alphas_cumprod
logs = ((1 - levels) / levels).log() / 2  # of sigma, for each timestep


def rendered(scheduler, settings, steps, strength):
    """The deviation of what comes out as a share of the right one. As the pipelines do it: strength 1 is pure noise."""
    made = scheduler(**DIFFUSION, **settings)
    made.set_timesteps(steps)
    torch.manual_seed(0)
    picture, noise = torch.randn(2, 1, 1, 1, 20000)
    timesteps, latents = made.timesteps, noise * made.init_noise_sigma
    if strength < 1:
        begin = steps - int(steps * strength)
        timesteps = made.timesteps[begin * made.order :]
        if hasattr(made, "set_begin_index"):
            made.set_begin_index(begin * made.order)
        latents = made.add_noise(picture * DEVIATION, noise, timesteps[:1])
    for timestep in timesteps:
        low, share = int(timestep), float(timestep) % 1
        sigma = (logs[low] * (1 - share) + logs[min(low + 1, 999)] * share).exp()
        signal = 1 / (1 + sigma**2).sqrt()
        noisy = made.scale_model_input(latents, timestep)
        clean = noisy * signal * DEVIATION**2 / (signal**2 * DEVIATION**2 + (sigma * signal) ** 2)
        latents = made.step((noisy - signal * clean) / (sigma * signal), timestep, latents).prev_sample
    return latents.std().item() / DEVIATION


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}; (steps, strength): share of the right deviation")
seen = {name: {way: rendered(*sampler, *way) for way in WAYS} for name, sampler in SAMPLERS.items()}
for name, shares in seen.items():
    print(f"  {name:21}", *(f"{way}: {share:.4g}" for way, share in shares.items()))
lms, pndm = seen.pop("LMS"), seen.pop("PNDM")
as_seen = 0.9 < lms[20, 1.0] < 1.1 and lms[10, 0.3] > 1.4 and lms[4, 0.5] < 0.2
as_seen &= 0.9 < pndm[20, 1.0] < 1.1 and pndm[20, 0.5] > 2 and pndm[20, 0.05] > 10_000
as_seen &= all(0.4 < share < 1.5 for shares in seen.values() for share in shares.values())
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
