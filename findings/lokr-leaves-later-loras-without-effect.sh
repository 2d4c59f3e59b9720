#!/usr/bin/env bash
# What a LoRA does in a model that has had a LoKr (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   Since this version diffusers takes LoKr files for FLUX.2 as ai-toolkit trains them, on queries, keys and values in one matrix. So
#   it joins the model's own matrices at the load, by `fuse_qkv_projections()`, and says so at the level of information.
#   From then on attention goes by the joined matrix. `to_q`, `to_k` and `to_v` are there still, nothing reads them, and that is
#   where a LoRA is put: it loads without a word, `get_active_adapters()` names it, and the picture is that without it.
#   - So it is beside the LoKr, at any strengths, and after `delete_adapters` or `unload_lora_weights()` as well, which leave the
#     matrices joined: on a server one customer's LoKr switches off the attention part of all later customers' LoRAs.
#   - The joined matrices stay in memory beside the others, too, and `save_pretrained` writes both.
#   - The other order, a LoKr after a LoRA, is refused with a sentence that explains it.
#   The same happens wherever `fuse_qkv_projections()` was called for speed: in SD3 (below) a LoRA does nothing, loaded before or
#   after. (huggingface/diffusers pull request 14047, open, would refuse that second case.)
#
# Expected before it was tried: both adapters, or the same sentence in either order; and a model as it was once the LoKr is gone.
# Way round: `transformer.unfuse_qkv_projections()` after the LoKr. Tiny models of random weights. Install, CPU only; exits with 1
# if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" \
  "transformers==5.23.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import peft
import torch
from diffusers import Flux2Transformer2DModel, SD3Transformer2DModel
from diffusers.loaders import Flux2LoraLoaderMixin
from peft import LoraConfig

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_warning()
torch.set_grad_enabled(False)
found = {}
dice = torch.Generator().manual_seed(5)
BLOCKS = range(2)
WIDTH = 32


class Pipeline(Flux2LoraLoaderMixin):
    """What FLUX.2's pipelines load adapters with, and a tiny transformer."""

    _lora_loadable_modules = ["transformer"]

    def __init__(self):
        torch.manual_seed(0)
        self.transformer = Flux2Transformer2DModel(
            patch_size=1, in_channels=4, num_layers=len(BLOCKS), num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=WIDTH, timestep_guidance_channels=16, axes_dims_rope=[4, 4, 4, 4],
        ).eval()
        self.components, self.hf_device_map = {}, None

    def forward(self):
        own = torch.Generator().manual_seed(1)
        places, words = torch.zeros(1, 16, 4), torch.zeros(1, 5, 4)
        places[..., 1], places[..., 2], words[..., 3] = torch.arange(16) // 4, torch.arange(16) % 4, torch.arange(5)
        return self.transformer(
            hidden_states=torch.randn(1, 16, 4, generator=own), encoder_hidden_states=torch.randn(1, 5, WIDTH, generator=own),
            timestep=torch.tensor([0.5]), guidance=torch.tensor([4.0]), img_ids=places, txt_ids=words, return_dict=False,
        )[0]


lora, lokr = {}, {}
for block in BLOCKS:
    for name in ("to_q", "to_k", "to_v"):
        layer = f"transformer.transformer_blocks.{block}.attn.{name}"
        lora[f"{layer}.lora_A.weight"] = torch.randn(4, WIDTH, generator=dice)
        lora[f"{layer}.lora_B.weight"] = torch.randn(WIDTH, 4, generator=dice)
    joined = f"diffusion_model.double_blocks.{block}.img_attn.qkv"
    lokr[f"{joined}.lokr_w1"] = torch.randn(4, 4, generator=dice) * 0.3
    lokr[f"{joined}.lokr_w2"] = torch.randn(3 * WIDTH // 4, WIDTH // 4, generator=dice) * 0.3


def note(what, output, *others):
    """Which of `others`, pairs of name and output, it is equal to, within rounding."""
    found[what] = next((name for name, other in others if torch.allclose(output, other, atol=1e-5)), "an output of its own")


pipeline = Pipeline()
base = pipeline.forward()
pipeline.load_lora_weights(lora, adapter_name="style")
styled = pipeline.forward()
note("LoRA alone", styled, ("the base model's", base))

pipeline = Pipeline()
pipeline.load_lora_weights(lokr, adapter_name="kronecker")
kronecker = pipeline.forward()
note("LoKr alone", kronecker, ("the base model's", base))
pipeline.load_lora_weights(lora, adapter_name="style")
pipeline.set_adapters(["kronecker", "style"], [1.0, 1.0])
note("LoKr and LoRA", pipeline.forward(), ("the LoKr's", kronecker))
found["active then"] = ", ".join(pipeline.get_active_adapters())

for way in ("unload_lora_weights", "delete_adapters"):
    for unfused in (False, True):
        pipeline = Pipeline()
        pipeline.load_lora_weights(lokr, adapter_name="kronecker")
        pipeline.unload_lora_weights() if way == "unload_lora_weights" else pipeline.delete_adapters("kronecker")
        if unfused:
            pipeline.transformer.unfuse_qkv_projections()
        pipeline.load_lora_weights(lora, adapter_name="style")
        more = ", unfuse" if unfused else ""
        note(f"LoRA after LoKr, {way}{more}", pipeline.forward(), ("the base model's", base), ("the LoRA's", styled))

pipeline = Pipeline()
pipeline.load_lora_weights(lora, adapter_name="style")
try:
    pipeline.load_lora_weights(lokr, adapter_name="kronecker")
    found["LoKr after LoRA"] = "loads"
except ValueError as error:
    found["LoKr after LoRA"] = "refused" if "already loaded on the unfused" in str(error) else str(error)


def sd3(*steps):
    """The output of a tiny SD3 after `steps`."""
    torch.manual_seed(0)
    model = SD3Transformer2DModel(
        sample_size=8, patch_size=1, in_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=64, out_channels=4,
    ).eval()
    for step in steps:
        if step == "fuse":
            model.fuse_qkv_projections()
        else:
            torch.manual_seed(5)
            targets = ["to_q", "to_k", "to_v"]
            model.add_adapter(LoraConfig(r=4, target_modules=targets, init_lora_weights=False), adapter_name="style")
    own = torch.Generator().manual_seed(1)
    return model(
        torch.randn(1, 4, 8, 8, generator=own), torch.randn(1, 5, 32, generator=own), torch.randn(1, 64, generator=own),
        torch.tensor([500.0]), return_dict=False,
    )[0]


fused = sd3("fuse")
found["SD3, fused, as not fused"] = bool(torch.allclose(fused, sd3(), atol=1e-5))
note("SD3, LoRA", sd3("lora"), ("the base model's", sd3()))
note("SD3, fused, then LoRA", sd3("fuse", "lora"), ("the base model's", fused))
note("SD3, LoRA, then fused", sd3("lora", "fuse"), ("the base model's", fused))

expected = {
    "LoRA alone": "an output of its own",
    "LoKr alone": "an output of its own",
    "LoKr and LoRA": "the LoKr's",
    "active then": "kronecker, style",
    "LoRA after LoKr, unload_lora_weights": "the base model's",
    "LoRA after LoKr, unload_lora_weights, unfuse": "the LoRA's",
    "LoRA after LoKr, delete_adapters": "the base model's",
    "LoRA after LoKr, delete_adapters, unfuse": "the LoRA's",
    "LoKr after LoRA": "refused",
    "SD3, fused, as not fused": True,
    "SD3, LoRA": "an output of its own",
    "SD3, fused, then LoRA": "the base model's",
    "SD3, LoRA, then fused": "the base model's",
}
print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:46} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
