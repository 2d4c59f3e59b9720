#!/usr/bin/env bash
# What DeepCache 0.1.1 (diffusers 0.42.1, torch 2.13.0) does to pictures of different strengths, seen 2026-12-01:
#
#   `DeepCacheSDHelper` computes the whole U-Net at every third step (`cache_interval=3`), and counts from the step at which
#   the first call after `enable()` began. That place is kept. An image to image call with another strength begins at
#   another step, and unless that is a multiple of the interval away, its first step takes what the last call left behind:
#   the features of another picture, perhaps of somebody else. No warning.
#     - the same picture (strength 0.5, same seed) is another one after a call with strength 0.9;
#     - and another one again if that call showed another picture: it holds what came before it;
#     - after a call of its own strength it has the right bits, so trials with one strength do not show it.
#   A way around: `disable()`, and a helper enabled anew, before each call; that gives the right bits.
#
# It installs these versions from the package registry into a folder of its own, needs no GPU and no weights, and exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "DeepCache==0.1.1"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from DeepCache import DeepCacheSDHelper
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionImg2ImgPipeline, UNet2DConditionModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()


def new_pipeline():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64, 64), layers_per_block=2, cross_attention_dim=16, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()
    vae = AutoencoderKL(
        block_out_channels=(16, 32), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=8,
    ).eval()
    pipeline = StableDiffusionImg2ImgPipeline(
        vae=vae, unet=unet, text_encoder=None, tokenizer=None, safety_checker=None, feature_extractor=None,
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1), requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def enabled(pipeline):
    helper = DeepCacheSDHelper(pipe=pipeline)
    helper.set_params(cache_interval=3, cache_branch_id=0)
    helper.enable()
    return helper


def call(pipeline, picture, strength):
    dice = torch.Generator().manual_seed(picture)
    prompt, negative = torch.randn(2, 1, 8, 16, generator=dice)
    return pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, image=torch.rand(1, 3, 32, 32, generator=dice),
        strength=strength, num_inference_steps=10, guidance_scale=4.0, output_type="pt",
        generator=torch.Generator().manual_seed(picture),
    ).images


def after(*calls):
    """The picture 2 with strength 0.5 after these calls, through one helper."""
    pipeline = new_pipeline()
    enabled(pipeline)
    for picture, strength in calls:
        call(pipeline, picture, strength)
    return call(pipeline, 2, 0.5)


right = after()
anew = new_pipeline()
helper = enabled(anew)
call(anew, 1, 0.9)
helper.disable()
enabled(anew)
found = {
    "after its own strength": torch.equal(after((1, 0.5)), right),
    "after a strength of 0.9": torch.equal(after((1, 0.9)), right),
    "after another picture of 0.9": torch.equal(after((3, 0.9)), after((1, 0.9))),
    "enabled anew": torch.equal(call(anew, 2, 0.5), right),
}
off, holds = (after((1, 0.9)) - right).abs().max(), (after((3, 0.9)) - after((1, 0.9))).abs().max()
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
print(f"right bits: {found}; off by up to {off:.0%} of white, of which up to {holds:.0%} tell of the picture before")
expected = {
    "after its own strength": True, "after a strength of 0.9": False, "after another picture of 0.9": False,
    "enabled anew": True,
}
if found != expected or off < 0.02 or holds < 0.02:
    print("different from what was seen")
    sys.exit(1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
