#!/usr/bin/env bash
# What the Wan pipelines of diffusers 0.42.1 (torch 2.13.0) do with arguments that they accept, seen 2026-11-29:
#
#   WanPipeline with two experts, guidance_scale=1, guidance_scale_2=6: the second scale does nothing, without a warning;
#   whether there is guidance the first alone decides. The other way round (4 and 1) the second expert's steps run the
#   unconditional pass too, whose result is then multiplied by nothing: 8 forwards for 4 steps.
#   WanImageToVideoPipeline with expand_timesteps (Wan2.2 5B), last_image: takes it and does nothing with it.
#   WanImageToVideoPipeline with a large shift and many steps, whose first two timesteps are the same whole number: UniPC
#   fails on a bare assertion, DPM++ with an index out of bounds, for it does not call `set_begin_index` and the scheduler
#   looks its first step up by the timestep. WanPipeline calls it, and renders the same request.
#   WanPipeline of Wan2.1, load_lora_weights(..., load_into_transformer_2=True): AttributeError of NoneType in place of the
#   message that was written for it, since the pipeline has the attribute, and it is None.
#
# It installs these versions from the package registry into a folder of its own, needs no GPU and no weights, and exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "ftfy==6.3.1" "accelerate==1.15.0" "peft==0.21.2"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import (
    AutoencoderKLWan, DPMSolverMultistepScheduler, UniPCMultistepScheduler, WanImageToVideoPipeline, WanPipeline,
    WanTransformer3DModel,
)
from PIL import Image

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}


def transformer(channels):
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=channels, out_channels=4,
        text_dim=16, freq_dim=32, ffn_dim=32, num_layers=1, rope_max_seq_len=32,
    ).eval()


def new_pipeline(kind, channels, experts=1, sampler=UniPCMultistepScheduler, shift=3.0, **more):
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    ).eval()
    pipeline = kind(
        tokenizer=None, text_encoder=None, vae=vae, scheduler=sampler(flow_shift=shift, **FLOW),
        transformer=transformer(channels), transformer_2=transformer(channels) if experts == 2 else None, **more,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def call(pipeline, steps=4, **more):
    prompt, negative = torch.randn(2, 1, 8, 16, generator=torch.Generator().manual_seed(7))
    return pipeline(
        prompt_embeds=prompt, negative_prompt_embeds=negative, height=32, width=32, num_frames=5,
        num_inference_steps=steps, generator=torch.Generator().manual_seed(1), output_type="latent", **more,
    ).frames


def ended(pipeline, **more):
    try:
        return "rendered" if call(pipeline, steps=100, guidance_scale=1.0, **more) is not None else ""
    except Exception as error:
        return type(error).__name__


found = {}
two = new_pipeline(WanPipeline, 4, experts=2, boundary_ratio=0.875)
found["the second scale does nothing where the first is 1"] = torch.equal(
    call(two, guidance_scale=1.0), call(two, guidance_scale=1.0, guidance_scale_2=6.0)
)
forwards = []
for part in (two.transformer, two.transformer_2):
    part.register_forward_pre_hook(lambda *_: forwards.append(1))
call(two, guidance_scale=4.0, guidance_scale_2=1.0)
found["8 forwards for 4 steps at 4 and 1"] = len(forwards) == 8

red, blue = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
tokens = new_pipeline(WanImageToVideoPipeline, 4, expand_timesteps=True)
found["last_image does nothing with expand_timesteps"] = torch.equal(
    call(tokens, image=red), call(tokens, image=red, last_image=blue)
)

for sampler, name in ((UniPCMultistepScheduler, "AssertionError"), (DPMSolverMultistepScheduler, "IndexError")):
    text = ended(new_pipeline(WanPipeline, 4, sampler=sampler, shift=20.0))
    picture = ended(new_pipeline(WanImageToVideoPipeline, 12, sampler=sampler, shift=20.0), image=red)
    found[f"{sampler.__name__}, shift 20, 100 steps: text {text}, picture {picture}"] = (text, picture) == (
        "rendered", name
    )

one = new_pipeline(WanPipeline, 4)
lora = {
    f"transformer.blocks.0.attn1.to_q.lora_{half}.weight": torch.zeros(shape)
    for half, shape in (("A", (2, 24)), ("B", (24, 2)))
}
try:
    one.load_lora_weights(lora, adapter_name="a", load_into_transformer_2=True)
    said = "nothing"
except Exception as error:
    said = f"{type(error).__name__}: {error}"
found[f"load_into_transformer_2 of Wan2.1 says {said}"] = "NoneType" in said

print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, so in found.items():
    print("as seen:  " if so else "different:", what)
sys.exit(not all(found.values()))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
