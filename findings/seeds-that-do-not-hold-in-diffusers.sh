#!/usr/bin/env bash
# What else a picture or clip depends on than its seed (diffusers 0.42.1, torch 2.13.0), seen 2026-11-29:
#
#   A `generator` is what makes a render repeatable. These pipelines take one and draw part of their noise from torch's global state,
#   that is from whatever the same process has rendered before (another customer's job, a retry, a batch of another size):
#   1. SkyReels-V2 with diffusion forcing (text, image and video to video), `addnoise_condition` above 0, 20 as its documentation
#      recommends for long clips: the noise over the frames that one stretch hands to the next.
#   2. CogView4's control pipeline: the control picture, which is drawn from the VAE's distribution. So are those of the ControlNets
#      of SD3 and HunyuanDiT, Qwen-Image's ControlNet for inpainting, OmniGen's and JoyImage's input pictures (not run).
#   The first render after a start is the same each time, which hides it from a test. No error, no warning.
#
# Expected before it was tried: the same bits for the same generator. Way round: `torch.manual_seed` before each call, one call at
# a time (a global, so not with threads), or a VAE whose distribution gives its mean. Tiny models of random weights.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLWan,
    CogView4ControlPipeline,
    CogView4Transformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2Transformer3DModel,
    UniPCMultistepScheduler,
)

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.manual_seed(0)
found = {}


def repeatable(render):
    """Whether one seed gives the same bits: after other work in the process, and with torch's global state put back."""
    torch.manual_seed(1)
    first = render(torch.Generator().manual_seed(7))
    torch.randn(3)
    after_other_work = render(torch.Generator().manual_seed(7))
    torch.manual_seed(1)
    put_back = render(torch.Generator().manual_seed(7))
    return torch.equal(first, after_other_work), torch.equal(first, put_back)


skyreels = SkyReelsV2DiffusionForcingPipeline(
    tokenizer=None,
    text_encoder=None,
    transformer=SkyReelsV2Transformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16, text_dim=16,
        freq_dim=16, ffn_dim=32, num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=32,
    ),
    vae=AutoencoderKLWan(
        base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    ),
    scheduler=UniPCMultistepScheduler(flow_shift=8, use_flow_sigmas=True, prediction_type="flow_prediction"),
)
skyreels.set_progress_bar_config(disable=True)
words, nothing = torch.randn(1, 8, 16), torch.randn(1, 8, 16)


def clip(noise, frames=25):
    return lambda generator: skyreels(
        prompt=None, prompt_embeds=words, negative_prompt_embeds=nothing, height=16, width=16, num_frames=frames,
        base_num_frames=17, overlap_history=9 if frames > 17 else None, num_inference_steps=3, addnoise_condition=noise,
        generator=generator, output_type="latent",
    ).frames


found["SkyReels-V2, addnoise_condition 0"] = repeatable(clip(0))
found["SkyReels-V2, addnoise_condition 20"] = repeatable(clip(20))

cogview = CogView4ControlPipeline(
    tokenizer=None,
    text_encoder=None,
    vae=AutoencoderKL(
        block_out_channels=(8,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4, norm_num_groups=4, sample_size=64,
    ),
    transformer=CogView4Transformer2DModel(
        patch_size=2, in_channels=8, num_layers=2, attention_head_dim=4, num_attention_heads=4, out_channels=4,
        text_embed_dim=16, time_embed_dim=8, condition_dim=4,
    ),
    scheduler=FlowMatchEulerDiscreteScheduler(base_shift=0.25, max_shift=0.75, base_image_seq_len=256, use_dynamic_shifting=True),
)
cogview.set_progress_bar_config(disable=True)
control = torch.rand(1, 3, 64, 64)
found["CogView4, control picture"] = repeatable(
    lambda generator: cogview(
        prompt=None, prompt_embeds=words, negative_prompt_embeds=nothing, control_image=control, height=64, width=64,
        num_inference_steps=3, generator=generator, output_type="latent",
    ).images
)

expected = {
    "SkyReels-V2, addnoise_condition 0": (True, True),
    "SkyReels-V2, addnoise_condition 20": (False, True),
    "CogView4, control picture": (False, True),
}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}: the same bits (after other work, global state put back)")
for what, seen in found.items():
    print(f"  {what:36} {seen}{'' if seen == expected[what] else '   CHANGED'}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
