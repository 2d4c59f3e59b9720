#!/usr/bin/env bash
# What the "beta" spacing of diffusers 0.42.1's schedulers is (scipy 1.17.1, torch 2.13.0), seen 2026-11-30:
#
#   `use_beta_sigmas=True` is documented as the schedule of "Beta Sampling is All You Need" (arXiv 2407.12173), which spreads the
#   timesteps by a beta distribution, and so does ComfyUI's `beta`. diffusers, as Forge before it, spreads the sigmas, between the
#   largest and the least. In models of Stable Diffusion's kind these reach from 14.6 to 0.03, and what is in the picture is
#   decided below 2. Of 20 steps five get there (timesteps: ten), of 8 steps two (four): 1.07, and the last.
#   With `rescale_betas_zero_snr=True` (v-prediction with zero terminal SNR, later SDXL finetunes) the largest sigma is 4096, and
#   19 of 20 steps lie above 20, where there is nothing but noise. The last but one leads from 56 to 0.23.
#   Measured with Euler and a perfect model of a normal distribution, whose deviation should be kept, at 1: 0.46 after 8 steps and
#   0.78 after 20; without any spacing 0.73 and 0.88, by timesteps and by Karras 0.79 and 0.91; to zero SNR 0.39 for 0.91.
#   What is lost is detail. No error, no warning; DPM++ and UniPC have the same sigmas.
#
# Expected before it was tried: the timesteps of the paper, about as good as Karras. `set_timesteps(timesteps=…)` takes them, or
# `sigmas=…`. No model, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "scipy==1.17.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy
import scipy.stats
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, UniPCMultistepScheduler

STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
DEVIATION = 0.5


def sigmas(steps, scheduler=EulerDiscreteScheduler, **settings):
    made = scheduler(**STABLE_DIFFUSION, **settings)
    made.set_timesteps(steps)
    return made.sigmas.numpy().astype(float)


def beta_timesteps(steps, **settings):
    """The sigmas of timesteps that are spread by the same distribution (0.6, 0.6), and 0."""
    products = EulerDiscreteScheduler(**STABLE_DIFFUSION, **settings).alphas_cumprod.numpy().astype(float)
    shares = scipy.stats.beta.ppf(1 - numpy.linspace(0, 1, steps, endpoint=False), 0.6, 0.6)
    chosen = products[numpy.rint(shares * (len(products) - 1)).astype(int)]
    return numpy.append(numpy.sqrt((1 - chosen) / chosen), 0)


def kept(levels):
    """Share of the deviation that Euler's steps with a perfect model leave of DEVIATION (1 is right)."""
    factor = 1.0
    for level, following in zip(levels[:-1], levels[1:], strict=True):
        factor *= 1 + (following - level) * level / (level**2 + DEVIATION**2)
    return factor * numpy.hypot(levels[0], DEVIATION) / DEVIATION


print(f"diffusers {version('diffusers')}, scipy {scipy.__version__}, torch {version('torch')}")
as_seen = True
for steps in (8, 20):
    spacings = {
        "beta, diffusers": sigmas(steps, use_beta_sigmas=True),
        "beta, timesteps": beta_timesteps(steps),
        "karras": sigmas(steps, use_karras_sigmas=True),
        "none": sigmas(steps),
    }
    for name, levels in spacings.items():
        low = int(((levels < 2) & (levels > 0)).sum())
        print(f"{steps:3} steps, {name:16} {low:2} below 2, deviation {kept(levels):.2f}", levels[:-1].round(2).tolist())
    worst = kept(spacings["beta, diffusers"])
    as_seen &= all(kept(levels) > worst + 0.05 for name, levels in spacings.items() if name != "beta, diffusers")
    as_seen &= abs(kept(spacings["beta, timesteps"]) - kept(spacings["karras"])) < 0.01
    for other in (DPMSolverMultistepScheduler, UniPCMultistepScheduler):
        as_seen &= numpy.allclose(sigmas(steps, other, use_beta_sigmas=True), spacings["beta, diffusers"], atol=0.01)
zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
of_sigmas, of_timesteps = sigmas(20, use_beta_sigmas=True, **zero), beta_timesteps(20, **zero)
for name, levels in {"diffusers": of_sigmas, "timesteps": of_timesteps}.items():
    print(f" 20 steps to zero SNR, beta, {name}: deviation {kept(levels):.2f}", levels[:-1].round(2).tolist())
as_seen &= int((of_sigmas > 20).sum()) == 19 and kept(of_sigmas) < 0.5 and kept(of_timesteps) > 0.9
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
