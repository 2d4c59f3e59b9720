#!/usr/bin/env bash
# What tomesd 0.1.3 (diffusers 0.42.1, torch 2.13.0) does to seeds, seen 2026-12-01:
#
#   `tomesd.apply_patch` merges tokens by dice of its own, made at the first pass from torch's global ones and thrown on
#   from there, for as long as the patch is on. So the same call, with the same generator, gives another picture each time,
#     - also with `torch.manual_seed` before each call;
#     - also for a picture in a batch whose neighbour alone was changed, as the dice went on meanwhile.
#   A patch that is taken off and put on again after `torch.manual_seed` repeats its picture, and one with
#   `use_rand=False` does always. Without guidance a single picture is no pair of rows, its dice rest, and it repeats: who
#   tries it so does not see it. So no manifest with a seed gives a picture back that was made with the defaults.
#
# It installs these versions from the package registry into a folder of its own, needs no GPU and no weights, and exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "tomesd==0.1.3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import tomesd
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()

torch.manual_seed(0)
unet = UNet2DConditionModel(
    sample_size=8, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=16, attention_head_dim=8,
    down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
).eval()
vae = AutoencoderKL(
    block_out_channels=(16, 32), down_block_types=("DownEncoderBlock2D",) * 2,
    up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=8,
).eval()
pipeline = StableDiffusionPipeline(
    vae=vae, unet=unet, text_encoder=None, tokenizer=None, safety_checker=None, feature_extractor=None,
    scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1), requires_safety_checker=False,
)
pipeline.set_progress_bar_config(disable=True)


def call(*seeds, guidance_scale=5.0):
    rows = [torch.randn(2, 8, 16, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    prompt, negative = torch.stack(rows).unbind(1)
    return pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, height=16, width=16, num_inference_steps=4,
        guidance_scale=guidance_scale, generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="latent",
    ).images


def patched(**options):
    tomesd.remove_patch(pipeline)
    tomesd.apply_patch(pipeline, ratio=0.5, **options)


def seeded(*seeds):
    torch.manual_seed(1)
    return call(*seeds)


def patched_and_seeded():
    torch.manual_seed(1)
    patched()
    return call(2)


plain = call(2)
plainly_again = torch.equal(plain, call(2))
patched()
first, again = call(2), call(2)
found = {
    "without it": plainly_again,
    "with it": torch.equal(first, again),
    "manual_seed before each call": torch.equal(seeded(2), seeded(2)),
    "in a batch beside another neighbour": torch.equal(call(2, 3)[0], call(2, 4)[0]),
    "without guidance": torch.equal(call(2, guidance_scale=1.0), call(2, guidance_scale=1.0)),
    "patched anew after manual_seed": torch.equal(patched_and_seeded(), patched_and_seeded()),
}
patched(use_rand=False)
found["use_rand=False"] = torch.equal(call(2), call(2))
off = (first - again).abs().max() / first.abs().max()
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
print(f"the same bits: {found}; off by {off:.1%} of the largest value from call to call")
expected = {
    "without it": True, "with it": False, "manual_seed before each call": False,
    "in a batch beside another neighbour": False, "without guidance": True, "patched anew after manual_seed": True,
    "use_rand=False": True,
}
if found != expected:
    print("different from what was seen")
    sys.exit(1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
