#!/usr/bin/env bash
# What becomes of a clip that a VAE takes in tiles to save memory (diffusers 0.42.1, torch 2.13.0), seen 2026-11-29:
#
#   1. EasyAnimate's `AutoencoderKLMagvit`, `enable_tiling()`, encode: tiles overlap, and the overlap is not cut off before they are
#      joined. So the picture is stretched in the latents, tile by tile, and its right and lower part is not in them at all:
#      of 192 pixels with tiles of 64 and a stride of 48 the last 32 may hold anything, and the latents are equal to the
#      bit. Picture and video to video start from that. Decoding cuts, and is right.
#   2. LTX-Video's and LTX-2's VAE with `use_framewise_decoding = True` (tiles in time): of each tile but the first the last
#      frame is dropped, in place of the first. From the second tile on the clip is a frame late against the sound and against a
#      decode in one go, frames of two times are blended at each seam, and the last frame of the clip is gone; the number of
#      frames is right. (HunyuanVideo's, of the same origin, drops the first.)
#   3. LTX-Video's with timesteps for the decoder (0.9.1 and later) and `enable_slicing()`: RuntimeError or ValueError for each
#      batch above 1.
#   No error, no warning of 1 and 2.
#
# Expected before it was tried: seams at most, and each part of the picture, each frame, in its place. Tiny VAEs of random weights.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import AutoencoderKLLTX2Video, AutoencoderKLLTXVideo, AutoencoderKLMagvit

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
found = {}


def magvit():
    torch.manual_seed(0)
    down = ("SpatialDownBlock3D", *["SpatialTemporalDownBlock3D"] * 3)
    up = ("SpatialUpBlock3D", *["SpatialTemporalUpBlock3D"] * 3)
    return AutoencoderKLMagvit(
        latent_channels=4, down_block_types=down, up_block_types=up, block_out_channels=(4, 4, 4, 4), layers_per_block=1,
        norm_num_groups=2,
    ).eval()


def ltx(name, **more):
    torch.manual_seed(0)
    settings = dict(
        latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5, spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False), decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4, upsample_factor=(1,) * 4, timestep_conditioning=False, patch_size=1,
    )
    return name(**settings | more).eval()


def sees_the_right(vae, picture):
    """Whether the latents change with the last 32 columns of the picture."""
    other = picture.clone()
    other[..., -32:] = 1
    return not torch.equal(vae.encode(picture).latent_dist.mode(), vae.encode(other).latent_dist.mode())


dice = torch.Generator().manual_seed(1)
picture = torch.rand(1, 3, 1, 64, 192, generator=dice) - 0.5
vae = magvit()
tiles = {"tile_sample_min_height": 64, "tile_sample_min_width": 64}
tiles |= {"tile_sample_stride_height": 48, "tile_sample_stride_width": 48}
found["Magvit, whole"] = sees_the_right(vae, picture)
vae.enable_tiling(**tiles)
found["Magvit, tiles"] = sees_the_right(vae, picture)


def offset(whole, tiled, start, end):
    """By how many frames `tiled` is late, of -2 to 2: where frames from `start` to `end` are nearest to those of `whole`."""
    errors = {
        late: float(((whole[:, :, start - late : end - late] - tiled[:, :, start:end]) ** 2).mean()) for late in range(-2, 3)
    }
    return min(errors, key=errors.get)


latents = torch.randn(1, 8, 1, 2, 2, generator=dice) * torch.linspace(-1, 1, 11)[None, None, :, None, None]
for name, vae in (
    ("LTX", ltx(AutoencoderKLLTXVideo)),
    ("LTX-2", ltx(
        AutoencoderKLLTX2Video, block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 3, layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 4, spatio_temporal_scaling=(True,) * 4, decoder_spatio_temporal_scaling=(True,) * 3,
        decoder_inject_noise=(False,) * 4, temporal_compression_ratio=8, upsample_residual=(False,) * 3, upsample_factor=(1,) * 3,
    )),
):
    per_latent = vae.temporal_compression_ratio
    vae.tile_sample_min_num_frames, vae.tile_sample_stride_num_frames = 4 * per_latent, 3 * per_latent
    whole = vae.decode(latents).sample
    vae.use_framewise_decoding = True
    tiled = vae.decode(latents).sample
    assert tiled.shape == whole.shape
    first, frames = 3 * per_latent, whole.shape[2]
    found[f"{name}, late in the first tile"] = offset(whole, tiled, 2, first)
    found[f"{name}, late behind it"] = offset(whole, tiled, first + 2 * per_latent, frames - 4)

vae = ltx(AutoencoderKLLTXVideo, timestep_conditioning=True)
vae.enable_slicing()
for count in (1, 2, 3):
    try:
        vae.decode(torch.randn(count, 8, 1, 2, 2), torch.full((count,), 0.05))
        found[f"LTX, slices of {count}"] = "decodes"
    except (ValueError, RuntimeError, TypeError, AttributeError, IndexError) as error:
        found[f"LTX, slices of {count}"] = f"raises {type(error).__name__}"

expected = {
    "Magvit, whole": True,
    "Magvit, tiles": False,
    "LTX, late in the first tile": 0,
    "LTX, late behind it": 1,
    "LTX-2, late in the first tile": 0,
    "LTX-2, late behind it": 1,
    "LTX, slices of 1": "decodes",
    "LTX, slices of 2": "raises RuntimeError",
    "LTX, slices of 3": "raises ValueError",
}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:32} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
