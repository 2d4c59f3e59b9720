#!/usr/bin/env bash
# What is missing in a VAE that was saved as a moving average (diffusers 0.42.1, torch 2.13.0), seen 2026-11-30:
#
#   `EMAModel(vae.parameters(), model_cls=…, model_config=vae.config)` keeps the average of a training's weights, and `save_pretrained` writes
#   it as a model, as the training scripts do. It is a new model into which the averaged parameters are copied; buffers are those that
#   a new one has. Several VAEs keep there how their latents are scaled: LTX-Video's and LTX-2's `latents_mean` and `latents_std`,
#   FLUX.2's `bn.running_mean` and `running_var`, by which every pipeline unscales latents before it decodes them. In the saved model
#   these are 0 and 1. Encoding and decoding with the VAE alone is right, so a check of what it reconstructs passes; each picture and
#   clip of a diffusion model decoded by it has another contrast and other colours. No error, no warning, as the file is complete.
#   Parameters in bfloat16 are averaged in bfloat16: at the usual decay of 0.9999 a weight that moves by a tenth is not followed at all
#   (1,000 steps; in float32 by a tenth of the way), since each share is below what the format can add. `ema.to(dtype=torch.float32)` first.
#
# Expected before it was tried: what `vae.save_pretrained` writes, with averaged weights. Copy the buffers, or `ema.copy_to(vae.parameters())`
# and save the VAE. Tiny VAEs of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, AutoencoderKLFlux2, AutoencoderKLLTXVideo
from diffusers.training_utils import EMAModel

folder = Path(sys.argv[1])
found = {}
SMALL = {
    AutoencoderKL: dict(block_out_channels=(8,), latent_channels=4, norm_num_groups=2),
    AutoencoderKLFlux2: dict(
        block_out_channels=(8,), down_block_types=("DownEncoderBlock2D",), up_block_types=("UpDecoderBlock2D",),
        layers_per_block=1, latent_channels=4, norm_num_groups=2,
    ),
    AutoencoderKLLTXVideo: dict(
        latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5, patch_size=1,
    ),
}


def trained(kind):
    """A VAE as a repository has it: with what its latents were measured to be."""
    torch.manual_seed(0)
    vae = kind(**SMALL[kind]).eval()
    for name, buffer in vae.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return vae


def followed(dtype):
    """The share of the way that the average has gone after a thousand steps behind a weight that moved by a tenth."""
    weight = torch.nn.Parameter(torch.ones(4, dtype=dtype))
    average = EMAModel([weight], decay=0.9999, min_decay=0.9999)
    average.step([weight])
    start = average.shadow_params[0].clone()
    weight.data *= 1.1
    for _ in range(1000):
        average.step([weight])
    return float(((average.shadow_params[0] - start) / (weight.data - start)).mean())


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for kind in SMALL:
        vae, where = trained(kind), str(folder / kind.__name__)
        EMAModel(vae.parameters(), model_cls=kind, model_config=vae.config).save_pretrained(where)
        saved, own = kind.from_pretrained(where).state_dict(), vae.state_dict()
        found[kind.__name__] = sorted(name for name in own if not torch.equal(saved[name], own[name]))
        assert saved.keys() == own.keys()
        for name in found[kind.__name__]:
            print(f"  {kind.__name__}.{name}: {float(own[name].float().mean()):.2f} on average, saved as {sorted(set(saved[name].tolist()))}")
    found["followed in float32"] = round(followed(torch.float32), 2)
    found["followed in bfloat16"] = followed(torch.bfloat16)
said = [str(one.message) for one in warned if "buffer" in str(one.message) or "dtype" in str(one.message)]
expected = {
    "AutoencoderKL": [],
    "AutoencoderKLFlux2": ["bn.running_mean", "bn.running_var"],
    "AutoencoderKLLTXVideo": ["latents_mean", "latents_std"],
    "followed in float32": 0.1,
    "followed in bfloat16": 0.0,
}
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
print("  said of it:", said)
sys.exit(found != expected or bool(said))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
