#!/usr/bin/env bash
# What becomes of guidance once Pyramid Attention Broadcast is on (diffusers 0.42.1, torch 2.13.0), seen 2026-11-30:
#
#   `transformer.enable_cache(PyramidAttentionBroadcastConfig(…_attention_block_skip_range=2, …))` computes attention at every second
#   call and gives the result of the call before at the others. It counts calls of the layer, and has one memory for all. Wan,
#   Qwen-Image, CogView4, LTX-2, SkyReels, HunyuanVideo, Flux and others call the transformer twice a step, with the prompt and
#   without (`cache_context("cond")` and `("uncond")`, which the other caches heed and this one does not). So with 2, or 4, the pass
#   without the prompt gets the attention of the pass with it, of the same step. In Wan the prompt comes in by cross-attention
#   alone, in Qwen-Image by joint attention alone: both passes are equal, and guidance does nothing. With the range of timesteps
#   wide open a scale of 5 or 9 gives the picture of scale 1, within rounding; with the default range (100 to 800) a quarter to a
#   third of what guidance does is left, from the steps outside of it. 3 mixes them in turn.
#   What is saved is half of the attention, as promised, so the clock shows nothing. No error, no warning.
#   FasterCache, its neighbour, is made for one call with both halves: it raises IndexError with either.
#
# Expected before it was tried: each pass its own attention, of a step before, and a picture near to the one without the cache.
# CogVideoX, whose pipeline calls once with both halves, is not concerned (not run). Tiny models of random weights.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" \
  "numpy" "ftfy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import (
    AutoencoderKLQwenImage,
    AutoencoderKLWan,
    FasterCacheConfig,
    FlowMatchEulerDiscreteScheduler,
    PyramidAttentionBroadcastConfig,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    WanPipeline,
    WanTransformer3DModel,
)

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
found = {}


def words(seed):
    return torch.randn(1, 7, 16, generator=torch.Generator().manual_seed(seed))


class Wan:
    kind = "cross"

    def __init__(self):
        torch.manual_seed(0)
        transformer = WanTransformer3DModel(
            num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16, freq_dim=32, ffn_dim=32,
            num_layers=3, rope_max_seq_len=32,
        ).eval()
        vae = AutoencoderKLWan(
            base_dim=3, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        )
        self.pipeline = WanPipeline(
            tokenizer=None, text_encoder=None, vae=vae, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), transformer=transformer
        )

    def render(self, scale):
        return self.pipeline(
            prompt_embeds=words(1), negative_prompt_embeds=words(99), height=64, width=64, num_frames=1, num_inference_steps=20,
            guidance_scale=scale, generator=torch.Generator().manual_seed(0), output_type="latent",
        ).frames


class QwenImage:
    kind = "spatial"

    def __init__(self):
        torch.manual_seed(0)
        transformer = QwenImageTransformer2DModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=3,
            joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
        ).eval()
        vae = AutoencoderKLQwenImage(
            base_dim=24, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1, temperal_downsample=[False, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        )
        self.pipeline = QwenImagePipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=vae, text_encoder=None, tokenizer=None, transformer=transformer
        )

    def render(self, scale):
        mask = torch.ones(1, 7, dtype=torch.long)
        return self.pipeline(
            prompt_embeds=words(1), prompt_embeds_mask=mask, negative_prompt_embeds=words(99), negative_prompt_embeds_mask=mask,
            height=32, width=32, num_inference_steps=20, true_cfg_scale=scale, generator=torch.Generator().manual_seed(0),
            output_type="latent",
        ).images


def effect(model, config=None):
    """The most that guidance of 5 in place of 1 changes, in latents; `config` makes a cache's settings for a pipeline."""
    rendered = []
    for scale in (1.0001, 5.0):  # 1 itself leaves out the second pass
        made = model()
        made.pipeline.set_progress_bar_config(disable=True)
        if config is not None:
            made.pipeline.transformer.enable_cache(config(made.pipeline))
        rendered.append(made.render(scale))
    return float((rendered[1] - rendered[0]).abs().max())


def broadcast(kind, every, timesteps):
    names = {f"{kind}_attention_block_skip_range": every, f"{kind}_attention_timestep_skip_range": timesteps}
    return lambda pipeline: PyramidAttentionBroadcastConfig(current_timestep_callback=lambda: pipeline.current_timestep, **names)


def faster(pipeline):
    return FasterCacheConfig(
        spatial_attention_block_skip_range=2, current_timestep_callback=lambda: pipeline.current_timestep, tensor_format="BFCHW"
    )


for model in (Wan, QwenImage):
    name = model.__name__
    plain = effect(model)
    for every in (2, 4):
        whole = effect(model, broadcast(model.kind, every, (-1, 1001)))
        usual = effect(model, broadcast(model.kind, every, (100, 800)))
        print(f"  {name:10} every {every}: guidance changes {plain:.3f} without the cache, {usual:.3f} with it, {whole:.6f} in all steps")
        found[f"{name}, every {every}, all steps"] = "nothing is left" if whole < 1e-5 else "guides"
        found[f"{name}, every {every}, as by default"] = "less than half is left" if usual < plain / 2 else "guides"
    try:
        effect(model, faster)
        found[f"{name}, FasterCache"] = "renders"
    except (TypeError, IndexError, RuntimeError, ValueError) as error:
        found[f"{name}, FasterCache"] = f"raises {type(error).__name__}"

expected = {
    "Wan, every 2, all steps": "nothing is left",
    "Wan, every 2, as by default": "less than half is left",
    "Wan, every 4, all steps": "nothing is left",
    "Wan, every 4, as by default": "less than half is left",
    "Wan, FasterCache": "raises IndexError",
    "QwenImage, every 2, all steps": "nothing is left",
    "QwenImage, every 2, as by default": "less than half is left",
    "QwenImage, every 4, all steps": "nothing is left",
    "QwenImage, every 4, as by default": "less than half is left",
    "QwenImage, FasterCache": "raises IndexError",
}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:36} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
