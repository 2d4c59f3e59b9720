#!/usr/bin/env bash
# Which options of diffusers 0.42.1's UniPC scheduler end in NaN (torch 2.13.0), seen 2026-11-30:
#
#   `UniPCMultistepScheduler(solver_type="bh1")` is one of two documented kinds, recommended for few steps, and the one that
#   ComfyUI's `uni_pc` has, so it is what people set who want the same picture. All steps are right, and the last one, from the
#   least noise to none, gives NaN in every pixel: the sigmas end at zero by default (`final_sigmas_type="zero"`), whose logarithm
#   is infinite, and bh1 divides infinity by infinity. `predict_x0=False` gives NaN likewise, `lower_order_final=False` (from two
#   steps on) infinity or NaN. For any number of steps, any order, with and without the corrector; with flow sigmas (Wan, Sana)
#   bh1 and `lower_order_final=False` as well. A black picture or clip after all steps are paid for; no error, no warning.
#   DPM-Solver++ refuses such a pair (`algorithm_type="dpmsolver"`) or sets the order itself.
#
# Expected before it was tried: a picture about like that of `bh2`, or ValueError as of DPM-Solver++. With
# `final_sigmas_type="sigma_min"` all three render, where there are no flow sigmas. A perfect model of a normal distribution in
# place of weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

import diffusers
import torch
from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler

diffusers.utils.logging.set_verbosity_error()
DEVIATION = 0.5
DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
OPTIONS = {
    "as it comes": {}, "bh1": {"solver_type": "bh1"}, "bh1, order 3": {"solver_type": "bh1", "solver_order": 3},
    "bh1, order 1": {"solver_type": "bh1", "solver_order": 1},
    "bh1, no corrector": {"solver_type": "bh1", "disable_corrector": list(range(99))},
    "lower_order_final=False": {"lower_order_final": False}, "predict_x0=False": {"predict_x0": False},
}


def rendered(kind, steps, scheduler=UniPCMultistepScheduler, **options):
    """The deviation at the end as a share of the right one, and after how many steps it was no number; or the error."""
    torch.manual_seed(0)
    try:
        made = scheduler(**kind, **options)
        made.set_timesteps(steps)
        latents = torch.randn(1, 1, 1, 5000) * made.init_noise_sigma
        for number, timestep in enumerate(made.timesteps):
            noise = float(made.sigmas[number])
            signal, noise = (1 - noise, noise) if kind is FLOW else (1 / (1 + noise**2) ** 0.5, noise / (1 + noise**2) ** 0.5)
            clean = latents * signal * DEVIATION**2 / (signal**2 * DEVIATION**2 + noise**2)
            of_noise = (latents - signal * clean) / noise
            latents = made.step(of_noise - clean if kind is FLOW else of_noise, timestep, latents).prev_sample
            if not latents.isfinite().any():
                return f"no number after step {number + 1}"
    except ValueError:
        return "ValueError"
    return f"{latents.std().item() / DEVIATION:.2f}"


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}; share of the right deviation")
as_seen = True
for name, kind in {"Stable Diffusion's sigmas": DIFFUSION, "flow sigmas": FLOW}.items():
    for steps in (4, 20):
        found = {option: rendered(kind, steps, **settings) for option, settings in OPTIONS.items()}
        print(f"{name}, {steps} steps:", found)
        bad = f"no number after step {steps}"
        expected = {**dict.fromkeys(OPTIONS, bad), "as it comes": found["as it comes"]}
        if kind is FLOW:
            expected["predict_x0=False"] = "ValueError"
        as_seen &= found == expected and float(found["as it comes"]) > 0.4
ended = {option: rendered(DIFFUSION, 20, final_sigmas_type="sigma_min", **settings) for option, settings in OPTIONS.items()}
print("Stable Diffusion's, 20 steps, sigma_min:", ended)
other = rendered(DIFFUSION, 20, DPMSolverMultistepScheduler, algorithm_type="dpmsolver")
print("DPM-Solver (multistep), dpmsolver:", other)
as_seen &= all(0.8 < float(share) < 1.2 for share in ended.values()) and other == "ValueError"
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
