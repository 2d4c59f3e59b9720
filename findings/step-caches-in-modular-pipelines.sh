#!/usr/bin/env bash
# What a step cache remembers in diffusers 0.42.1's modular pipelines (torch 2.13.0), seen 2026-11-30:
#
#   1. LTX-Video, `transformer.enable_cache(…)`: nobody empties the cache after a call, as the other pipelines do at their end and of the
#      modular ones Cosmos alone. So a render begins with what the one before it left: the same prompt and seed give other latents on
#      a server's second call than on its first, by a fifth of the picture with FirstBlockCache at a wide threshold, a tenth with
#      TaylorSeer's lite mode. Customers see a little of each other.
#   2. Wan, MagCache: the pipeline says nothing of which pass is which (`cache_context`), and MagCache takes both passes, with the
#      prompt and without, for one. A pass gets what the other left: of the way from guidance 1 to 5 a third (0.35) is left.
#      FirstBlockCache refuses (ValueError) in the same place.
#   3. `TaylorSeerCacheConfig()` hooks "all attention-like modules" by default, as it says. In Wan and LTX-Video, modular or not, it
#      hooks none, for it looks for names that end in `attn` where theirs are `attn1` and `attn2`: `is_cache_enabled` is True, and
#      latents are those without, in the time without.
#   No error, no warning. `transformer._reset_stateful_cache()` after each call helps 1, `cache_identifiers=["^blocks.*attn1", …]` 3.
#
# Expected before it was tried: one seed, one picture, and guidance as asked. Tiny models of random weights. Install, CPU only; exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import ClassifierFreeGuidance, FirstBlockCacheConfig, FlowMatchEulerDiscreteScheduler, LTXVideoTransformer3DModel
from diffusers import MagCacheConfig, TaylorSeerCacheConfig, UniPCMultistepScheduler, WanTransformer3DModel
from diffusers.modular_pipelines.ltx.modular_blocks_ltx import LTXCoreDenoiseStep
from diffusers.modular_pipelines.wan.modular_blocks_wan import WanCoreDenoiseStep

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity(60)
torch.set_grad_enabled(False)
torch.set_num_threads(1)
found = {}
STEPS = 10


def words(seed, width):
    return torch.randn(1, 6, width, generator=torch.Generator().manual_seed(seed))


def renders(blocks, transformer, scheduler, guidance, cache, width, inputs):
    """A function that gives the latents of a prompt and a seed by a pipeline of its own."""
    pipeline = blocks().init_pipeline()
    pipeline.update_components(
        transformer=transformer, scheduler=scheduler, guider=ClassifierFreeGuidance(guidance_scale=guidance)
    )
    pipeline.set_progress_bar_config(disable=True)
    if cache is not None:
        transformer.enable_cache(cache)
    return lambda prompt, seed: pipeline(
        prompt_embeds=words(prompt, width), negative_prompt_embeds=words(99, width), num_inference_steps=STEPS,
        generator=torch.Generator().manual_seed(seed), output="latents", **inputs,
    )


def ltx(cache=None, guidance=3.0):
    torch.manual_seed(0)
    transformer = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=8, cross_attention_dim=32, num_layers=3,
        caption_channels=32,
    ).eval()
    all_words = {"prompt_attention_mask": torch.ones(1, 6), "negative_prompt_attention_mask": torch.ones(1, 6)}
    size = {"height": 128, "width": 128, "num_frames": 9}
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    return renders(LTXCoreDenoiseStep, transformer, scheduler, guidance, cache, 32, size | all_words)


def wan(cache=None, guidance=5.0):
    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16, text_dim=16, freq_dim=32, ffn_dim=32,
        num_layers=3, rope_max_seq_len=32,
    ).eval()
    scheduler = UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0)
    size = {"height": 64, "width": 64, "num_frames": 5}
    return renders(WanCoreDenoiseStep, transformer, scheduler, guidance, cache, 16, size)


def off(one, other):
    return float((one - other).norm() / other.norm())


def taylor(**more):
    return TaylorSeerCacheConfig(
        cache_interval=3, disable_cache_before_step=3, max_order=1, taylor_factors_dtype=torch.float32, **more
    )


def magcache():
    return MagCacheConfig(num_inference_steps=STEPS, mag_ratios=torch.ones(STEPS), threshold=0.2, max_skip_steps=2)


exact = ltx()(1, 7)
caches = {
    "no cache": lambda: None,
    "FirstBlockCache": lambda: FirstBlockCacheConfig(threshold=0.6),
    "TaylorSeer lite": lambda: taylor(use_lite_mode=True),
}
for name, cache in caches.items():
    alone = ltx(cache())(1, 7)
    render = ltx(cache())
    render(2, 8)
    behind = render(1, 7)
    found[f"LTX-Video, {name}: behind another render"] = "as alone" if off(behind, alone) < 1e-5 else "another"
    print(f"  LTX-Video, {name}: the cache costs {off(alone, exact):.3f}, the render before it {off(behind, alone):.3f}")

full, none, cached = wan()(1, 7), wan(guidance=1.0)(1, 7), wan(magcache())(1, 7)
way = float(((cached - none) * (full - none)).sum() / (full - none).square().sum())
print(f"  Wan, MagCache: {way:.2f} of the way from guidance 1 to 5")
found["Wan, MagCache: guidance that is left"] = "less than half" if way < 0.5 else "more"
try:
    wan(FirstBlockCacheConfig(threshold=0.3))(1, 7)
    found["Wan, FirstBlockCache"] = "renders"
except ValueError:
    found["Wan, FirstBlockCache"] = "refused"

found["Wan, TaylorSeer's defaults"] = "as without" if torch.equal(wan(taylor())(1, 7), full) else "another"
found["LTX-Video, TaylorSeer's defaults"] = "as without" if torch.equal(ltx(taylor())(1, 7), exact) else "another"
named = taylor(cache_identifiers=["^transformer_blocks.*attn1", "^transformer_blocks.*attn2"])
found["LTX-Video, TaylorSeer, layers named"] = "as without" if torch.equal(ltx(named)(1, 7), exact) else "another"

expected = {
    "LTX-Video, no cache: behind another render": "as alone",
    "LTX-Video, FirstBlockCache: behind another render": "another",
    "LTX-Video, TaylorSeer lite: behind another render": "another",
    "Wan, MagCache: guidance that is left": "less than half",
    "Wan, FirstBlockCache": "refused",
    "Wan, TaylorSeer's defaults": "as without",
    "LTX-Video, TaylorSeer's defaults": "as without",
    "LTX-Video, TaylorSeer, layers named": "another",
}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:52} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
