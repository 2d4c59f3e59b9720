#!/usr/bin/env bash
# Whose picture guides a render that was given none (diffusers 0.42.1, torch 2.13.0), seen 2026-11-30:
#
#   `joint_attention_kwargs={"scale": 0.8}` says how strong LoRAs are in SD3's and FLUX's pipelines, and a server has it as a constant, or with
#   the job's settings. A call with an IP-adapter's picture (`ip_adapter_image`, or its embeddings) puts that picture into this very
#   dict, the caller's, and leaves it there. The next call with the dict and without a picture is guided by the one before it: to the
#   bit it is the other customer's portrait with this prompt. In SD3 and its ControlNets that is all there is to see. In FLUX (Kontext,
#   Chroma and the others have the same lines) a call without a picture raises TypeError as long as an adapter is loaded, with a
#   fresh dict; with the dict of before it renders. Without `joint_attention_kwargs` all is right.
#   No error, no warning.
#
# Expected before it was tried: a render without picture, and the dict as it was. A new dict for each call (`{**settings}`). Tiny models
# and adapters of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.manual_seed(0)
LIKE = dict(prompt=None, height=64, width=64, num_inference_steps=2, output_type="latent")
found = {}


def sd3():
    transformer = SD3Transformer2DModel(
        sample_size=8, patch_size=1, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=16,
    ).eval()
    attention = {
        f"{place}.{name}": weight
        for place in range(len(transformer.attn_processors))
        for name, weight in SD3IPAdapterJointAttnProcessor2_0(32, 32, 8, 64).state_dict().items()
    }
    projection = IPAdapterTimeImageProjection(16, 32, 64, heads=1, num_queries=4, timestep_in_dim=32)
    transformer._load_ip_adapter_weights({"ip_adapter": attention, "image_proj": projection.state_dict()}, low_cpu_mem_usage=False)
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(), vae=None, text_encoder=None, tokenizer=None,
        text_encoder_2=None, tokenizer_2=None, text_encoder_3=None, tokenizer_3=None,
    )
    words, pooled, face = torch.randn(1, 8, 32), torch.randn(1, 16), torch.randn(1, 3, 16)
    told = {"prompt_embeds": words, "pooled_prompt_embeds": pooled, "guidance_scale": 1.0}
    return pipeline, told, {"ip_adapter_image_embeds": face}


def flux():
    transformer = FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32,
        pooled_projection_dim=16, axes_dims_rope=(4, 4, 8),
    ).eval()
    attention = {f"0.to_{part}_ip.weight": torch.randn(32, 32) for part in "kv"} | {f"0.to_{part}_ip.bias": torch.zeros(32) for part in "kv"}
    projection = {"proj.weight": torch.randn(128, 16), "proj.bias": torch.zeros(128), "norm.weight": torch.ones(32), "norm.bias": torch.zeros(32)}
    transformer._load_ip_adapter_weights([{"ip_adapter": attention, "image_proj": projection}], low_cpu_mem_usage=False)
    pipeline = FluxPipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(), vae=None, text_encoder=None, tokenizer=None,
        text_encoder_2=None, tokenizer_2=None,
    )
    told = {"prompt_embeds": torch.randn(1, 8, 32), "pooled_prompt_embeds": torch.randn(1, 16)}
    face, nobody = torch.randn(1, 1, 16), torch.zeros(1, 1, 16)
    return pipeline, told, {"ip_adapter_image_embeds": [face], "negative_ip_adapter_image_embeds": [nobody]}


for name, make in (("SD3", sd3), ("FLUX", flux)):
    pipeline, told, picture = make()
    pipeline.set_progress_bar_config(disable=True)

    def render(settings, **more):
        try:
            own = torch.Generator().manual_seed(7)
            return pipeline(**LIKE, **told, **more, joint_attention_kwargs=settings, generator=own).images
        except TypeError:
            return "TypeError"

    settings = {"scale": 1.0}
    plain = render({"scale": 1.0})
    guided = render(settings, **picture)
    after = render(settings)
    found[f"{name}: a fresh dict, no picture"] = plain if isinstance(plain, str) else "renders"
    found[f"{name}: the dict of the call with a picture, no picture"] = (
        "as with the picture" if torch.equal(after, guided) else "as without" if torch.equal(after, plain) else "something else"
    )
    found[f"{name}: the picture makes a difference"] = isinstance(plain, str) or not torch.allclose(plain, guided, atol=1e-3)
    found[f"{name}: what the dict has now"] = sorted(settings)

expected = {
    "SD3: a fresh dict, no picture": "renders",
    "FLUX: a fresh dict, no picture": "TypeError",
} | {
    f"{name}: {what}": seen
    for name in ("SD3", "FLUX")
    for what, seen in {
        "the dict of the call with a picture, no picture": "as with the picture",
        "the picture makes a difference": True,
        "what the dict has now": ["ip_adapter_image_embeds", "scale"],
    }.items()
}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
