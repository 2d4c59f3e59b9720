#!/usr/bin/env bash
# What diffusers 0.42.1's own callbacks, which switch something off on the way, do to an IP-adapter (torch 2.13.0), seen 2026-11-30:
#
#   1. `SDCFGCutoffCallback` and `SDXLCFGCutoffCallback` end classifier-free guidance at a step, which saves half of the work from there on. They
#      cut the prompts down to the pass with the prompt, and the pictures of an IP-adapter stay in both passes. Attention takes the two for
#      one: from that step on the render is guided by the customer's picture and by the negative pass' empty one at once. Of what the
#      picture does in these steps a third is missing or other below. Without an adapter, or at scale 0, they are right.
#   2. `IPAdapterScaleCutoffCallback` sets the adapter's scale to 0 at a step, and nobody sets it back. The first render is as asked; all later
#      renders of this pipeline, with this callback or without, are made without their picture from the first step on, to the bit.
#      (Its text says that it changes the processors "after the cutoff step", not for how long.)
#   With several prompts, several results of one or a ControlNet of Stable Diffusion 1.5 the first callback ends in RuntimeError
#   about sizes, once the steps with guidance are paid for.
#   No error, no warning of 1 and 2.
#
# Expected before it was tried: the picture of the prompt's pass alone, and the scale of before in the next call. End guidance by a callback of
# your own only where no picture is used, and call `set_ip_adapter_scale` before each render. Tiny models and adapters of random weights.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "safetensors==0.8.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import copy
import sys
import warnings

import diffusers
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.callbacks import IPAdapterScaleCutoffCallback, SDCFGCutoffCallback, SDXLCFGCutoffCallback

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
STEPS, CUT = 6, 2
XL = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 64}


def new_pipeline(xl, scale):
    """A pipeline with an IP-adapter of four tokens for a picture."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, layers_per_block=1, block_out_channels=(32, 64), norm_num_groups=8, cross_attention_dim=32,
        attention_head_dim=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **(XL if xl else {}),
    ).eval()
    scheduler = DDIMScheduler(steps_offset=1, clip_sample=False)
    if xl:
        pipeline = StableDiffusionXLPipeline(None, None, None, None, None, unet, scheduler, add_watermarker=False)
    else:
        pipeline = StableDiffusionPipeline(None, None, None, unet, scheduler, None, None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    dice = torch.Generator().manual_seed(1)
    ones, zeros = torch.ones, torch.zeros
    adapter = {
        "image_proj": {"proj.weight": torch.randn(128, 16, generator=dice), "proj.bias": zeros(128), "norm.weight": ones(32), "norm.bias": zeros(32)},
        "ip_adapter": {},
    }  # fmt: skip
    cross = [name for name in unet.attn_processors if "attn2" in name]
    for number, name in enumerate(cross):
        width = unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
        for part in "kv":
            adapter["ip_adapter"][f"{2 * number + 1}.to_{part}_ip.weight"] = torch.randn(width, 32, generator=dice)
    pipeline.load_ip_adapter(adapter, subfolder="", weight_name="", image_encoder_folder=None)
    pipeline.set_ip_adapter_scale(scale)
    return pipeline


dice = torch.Generator().manual_seed(2)
prompt, negative, pooled = torch.randn(1, 5, 32, generator=dice), torch.randn(1, 5, 32, generator=dice), torch.randn(2, 1, 16, generator=dice)
picture = torch.cat([torch.zeros(1, 1, 16), torch.randn(1, 1, 16, generator=dice)])
latents = torch.randn(1, 4, 8, 8, generator=dice)


def render(pipeline, xl, callback=None, count=1):
    pooled_prompts = {"pooled_prompt_embeds": pooled[0].repeat(count, 1), "negative_pooled_prompt_embeds": pooled[1].repeat(count, 1)}
    return pipeline(
        prompt_embeds=prompt.repeat(count, 1, 1), negative_prompt_embeds=negative.repeat(count, 1, 1),
        ip_adapter_image_embeds=[picture.repeat_interleave(count, dim=0)], latents=latents.repeat(count, 1, 1, 1),
        num_inference_steps=STEPS, guidance_scale=5.0, output_type="latent", height=64, width=64, callback_on_step_end=callback,
        **(pooled_prompts if xl else {}),
    ).images  # fmt: skip


@torch.no_grad()
def by_hand(pipeline, xl, picture_after_cut=True):
    """The same: steps with guidance up to the cut, then the pass with the prompt alone, with its picture or without."""
    scheduler, now, unet = copy.deepcopy(pipeline.scheduler), latents, pipeline.unet
    scheduler.set_timesteps(STEPS)
    for step, timestep in enumerate(scheduler.timesteps):
        passes = []
        for text, of_pool, of_picture in ((negative, pooled[1], picture[:1]), (prompt, pooled[0], picture[1:])):
            conditions = {"image_embeds": [of_picture]}
            if xl:
                conditions |= {"text_embeds": of_pool, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
            passes.append(unet(now, timestep, text, added_cond_kwargs=conditions).sample)
        with_guidance = passes[0] + 5.0 * (passes[1] - passes[0])
        now = scheduler.step(with_guidance if step <= CUT else passes[1], timestep, now).prev_sample
        if step == CUT and not picture_after_cut:
            pipeline.set_ip_adapter_scale(0.0)
    return now


def off(one, other):
    return ((one - other).norm() / other.norm()).item()


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
found = {}
for name, xl, kind in (("SD", False, SDCFGCutoffCallback), ("SDXL", True, SDXLCFGCutoffCallback)):
    cut = lambda: kind(cutoff_step_ratio=None, cutoff_step_index=CUT)  # noqa: B023, E731
    led_by_picture = by_hand(new_pipeline(xl, 1.0), xl) - by_hand(new_pipeline(xl, 1.0), xl, picture_after_cut=False)
    for scale in (0.0, 1.0):
        pipeline = new_pipeline(xl, scale)
        wrong = render(pipeline, xl, cut()) - by_hand(pipeline, xl)
        found[name, scale] = (wrong.norm() / led_by_picture.norm()).item()
        print(f"{name}, guidance ends after step {CUT + 1} of {STEPS}, picture at scale {scale}: off by {found[name, scale]:.3f} of what it does")
    try:
        render(new_pipeline(xl, 1.0), xl, cut(), count=2)
        found[name, "two"] = "no error"
    except RuntimeError as error:
        found[name, "two"] = str(error)
    print(f"{name}, two results: {found[name, 'two']}")

pipeline, without = new_pipeline(False, 0.8), render(new_pipeline(False, 0.0), False)
first = render(pipeline, False, IPAdapterScaleCutoffCallback(cutoff_step_ratio=0.5))
later = render(pipeline, False)
as_asked = render(new_pipeline(False, 0.8), False)
print(f"picture cut off at half: that render is without it: {torch.equal(first, without)}; the next one, without the callback: "
      f"{torch.equal(later, without)}, off by {off(later, as_asked):.2f} from scale 0.8")  # fmt: skip
as_seen = torch.equal(later, without) and not torch.equal(first, without) and off(later, as_asked) > 0.01
for name in ("SD", "SDXL"):
    as_seen &= found[name, 0.0] < 0.05 and found[name, 1.0] > 0.2 and "size of tensor" in found[name, "two"]
sys.exit(not as_seen)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
