#!/usr/bin/env bash
# What diffusers 0.42.1 (torch 2.13.0) does after a call that an exception broke off (no memory, a callback that raises to
# cancel), with a step cache on the transformer, seen 2026-11-29:
#
#   FirstBlockCache and MagCache: the next call begins with the residual of the broken one. Its latents differ from those
#   that a fresh pipeline gives for the same seed and prompt, without a warning; the call after that one is right again.
#   The caches are put back by `maybe_free_model_hooks`, which a pipeline calls at the end of a call that went well.
#   SeaCache: notices ("received non-adjacent scheduler steps; running full"), and the next call has the right bits.
#   With each of the three, `transformer._reset_stateful_cache()` after the exception gives the right bits; there is no
#   public name for it.
#
# It installs these versions from the package registry into a folder of its own, needs no GPU and no weights, and exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "ftfy==6.3.1" "accelerate==1.15.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import (
    AutoencoderKLWan, FirstBlockCacheConfig, MagCacheConfig, SeaCacheConfig, UniPCMultistepScheduler, WanPipeline,
    WanTransformer3DModel,
)

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
STEPS = 6
CACHES = {
    "FirstBlockCache": lambda: FirstBlockCacheConfig(threshold=1000.0),
    "MagCache": lambda: MagCacheConfig(mag_ratios=[1.0] * 20, num_inference_steps=STEPS),
    "SeaCache": lambda: SeaCacheConfig(threshold=9.0),
}


class BrokenOff(Exception):
    pass


def new_pipeline(cache):
    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
        freq_dim=32, ffn_dim=32, num_layers=3, rope_max_seq_len=32,
    ).eval()
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    ).eval()
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    pipeline = WanPipeline(tokenizer=None, text_encoder=None, vae=vae, transformer=transformer, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    transformer.enable_cache(CACHES[cache]())
    return pipeline


def call(pipeline, seed, broken_after=None):
    def look(_, step, __, values):
        if step == broken_after:
            raise BrokenOff
        return values

    dice = torch.Generator().manual_seed(100 + seed)
    prompt, negative = torch.randn(2, 1, 8, 16, generator=dice)
    return pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, guidance_scale=4.0, height=32, width=32, num_frames=5,
        num_inference_steps=STEPS, generator=torch.Generator().manual_seed(seed), output_type="latent",
        callback_on_step_end=look,
    ).frames


def broken(pipeline):
    try:
        call(pipeline, seed=1, broken_after=3)
    except BrokenOff:
        return pipeline
    raise AssertionError("the callback ended nothing")


wrong = []
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for cache in CACHES:
    right = call(new_pipeline(cache), seed=2)
    whole = new_pipeline(cache)
    call(whole, seed=1)
    pipeline = broken(new_pipeline(cache))
    next_one, next_but_one = call(pipeline, seed=2), call(pipeline, seed=2)
    put_back = broken(new_pipeline(cache))
    put_back.transformer._reset_stateful_cache()
    found = {
        "after a whole call": torch.equal(call(whole, seed=2), right),
        "after a broken call": torch.equal(next_one, right),
        "after that one": torch.equal(next_but_one, right),
        "put back by hand": torch.equal(call(put_back, seed=2), right),
    }
    off = (next_one - right).abs().max().item() / right.abs().max().item()
    print(f"{cache}: right bits {found}; off by {off:.0%} of the largest value after a broken call")
    expected = {**dict.fromkeys(found, True), "after a broken call": cache == "SeaCache"}
    if found != expected:
        wrong.append(cache)
if wrong:
    print("different from what was seen:", ", ".join(wrong))
sys.exit(bool(wrong))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
