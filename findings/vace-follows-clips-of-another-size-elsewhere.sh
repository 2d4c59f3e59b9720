#!/usr/bin/env bash
# What `WanVACEPipeline` of diffusers 0.42.1 (torch 2.13.0) does with control clips and masks that it accepts, seen 2026-11-30:
#
#   A clip smaller than the output, of its very proportions (416x240 for 832x480), or of other ones, is not scaled to the output:
#   its latents have a grid of their own. The transformer lays their tokens out one after the other over the output's grid, row
#   into row, the rest is zeros: what was at the bottom of the clip steers the top of the picture. No error and no warning, as
#   only the number of frames is looked at. An upright clip for a lying picture has as many tokens, and every row is torn.
#   A clip with more frames than num_frames: RuntimeError 'negative dimension' of the transformer, behind a warning that
#   'generation quality may be affected'.
#   num_frames=12 with a clip of 12 frames: 12 becomes 13 (10 would become 9), and the last frame is followed by nothing.
#   A grey mask: what is kept of the clip is cut at one half, the channels that tell the model so keep the grey.
#   A coloured mask: its red channel alone is told, all three cut the clip: cyan is 'keep' and 'make anew' at once.
#   reference_images=[] raises StopIteration.
#
# Expected before it was tried: `height` and `width` scale the clip as the other Wan pipelines scale their pictures. The farm
# scales clips and masks to the output, takes as many frames as there are, and makes masks grey before the pipeline sees them.
# It installs these versions into a folder of its own, needs no GPU and no weights, and exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "ftfy==6.3.1" "accelerate==1.15.0"

cat > "$folder/probe.py" <<'PYTHON'
import logging
import sys
import warnings

import diffusers
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from PIL import Image

warnings.simplefilter("ignore")
said = []


class Listener(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


diffusers.utils.logging.set_verbosity_warning()
logging.getLogger("diffusers").addHandler(Listener())

torch.manual_seed(0)
pipeline = WanVACEPipeline(
    tokenizer=None,
    text_encoder=None,
    vae=AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    ).eval(),
    transformer=WanVACETransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
        freq_dim=32, ffn_dim=32, num_layers=1, rope_max_seq_len=32, vace_layers=[0], vace_in_channels=2 * 4 + 64,
    ).eval(),
    scheduler=UniPCMultistepScheduler(flow_shift=3.0, prediction_type="flow_prediction", use_flow_sigmas=True),
)
pipeline.set_progress_bar_config(disable=True)
forward, seen = pipeline.transformer.forward, {}


def watched(*arguments, **named):
    seen["output"], seen["control"] = named["hidden_states"], named["control_hidden_states"]
    return forward(*arguments, **named)


pipeline.transformer.forward = watched


def grids(**asked):
    """Width and height of the output's and of the control's latents, and what was said."""
    said.clear()
    asked = {"width": 64, "height": 32, "num_frames": 5} | asked
    pipeline(
        prompt_embeds=torch.zeros(1, 8, 16), num_inference_steps=1, guidance_scale=1.0, output_type="latent",
        generator=torch.Generator().manual_seed(1), **asked,
    )
    return [tuple(seen[name].shape[:2:-1]) for name in ("output", "control")], list(said)


def clip(width, height, frames=5):
    return [Image.new("RGB", (width, height), (40 * number % 256, 90, 160)) for number in range(frames)]


def raised(**asked):
    try:
        grids(**asked)
    except BaseException as error:
        return type(error).__name__
    return None


def told(mask):
    """What the mask's channels say, and whether the whole clip is to be made anew."""
    grids(video=clip(64, 32), mask=[mask] * 5)
    kept = seen["control"][:, :4].clone()
    grids(video=clip(64, 32), mask=[Image.new("L", (64, 32), 255)] * 5)
    anew = torch.equal(kept, seen["control"][:, :4])
    grids(video=clip(64, 32), mask=[mask] * 5)
    return round(seen["control"][0, 8:].unique().item(), 2), anew


grey, cyan = Image.new("L", (64, 32), 100), Image.new("RGB", (64, 32), (0, 255, 255))
twelve = grids(video=clip(64, 32, 12), num_frames=12)[1]
checks = {
    "a clip of the output's size has its grid": grids(video=clip(64, 32)) == ([(8, 4), (8, 4)], []),
    "one of half the size has a grid of half the size, and nothing is said": grids(video=clip(32, 16))
    == ([(8, 4), (4, 2)], []),
    "so has one of other proportions": grids(video=clip(128, 128)) == ([(8, 4), (4, 4)], []),
    "and an upright one": grids(video=clip(32, 64)) == ([(8, 4), (4, 8)], []),
    "more frames than asked for end in an error of the transformer": raised(video=clip(64, 32, 9)) == "RuntimeError",
    "twelve frames become thirteen, one of them without a control": seen["output"].shape[2] == 2
    and any("Rounding" in text for text in twelve)
    and any("does not match" in text for text in twelve),
    "a grey mask is told as grey and cut at one half": told(grey) == (0.39, False),
    "a cyan mask is told as black, and is not the same as white": told(cyan)[0] == 0.0,
    "an empty list of references raises": raised(reference_images=[]) == "StopIteration",
}
for what, as_seen in checks.items():
    print("as seen " if as_seen else "DIFFERENT", what)
sys.exit(0 if all(checks.values()) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
