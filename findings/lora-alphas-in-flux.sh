#!/usr/bin/env bash
# How strong the layers of a FLUX LoRA are whose file says it by `.alpha` (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   A layer works at alpha / rank. Files with diffusers' names, `transformer.single_transformer_blocks.0.proj_out.…`, and an alpha beside each layer:
#   1. The last layer of FLUX is named `proj_out`, and so is one in each of its 38 single blocks. Where the last one has an alpha of its own (a LoRA
#      whose ranks and alphas were made smaller layer by layer, or trained with another alpha there), `proj_out` of every single block gets
#      it, whatever its own is: below, alpha 1 for the last layer halves those of alpha 2, and leaves a third of one of alpha 3. Layers
#      of other names are right. (It is so where a layer before `proj_out` in the file, `context_embedder` below, has another alpha. For
#      ranks such names were told apart by a `^`, see huggingface/peft pull request 2419; alphas are not.)
#   2. The same file with `lora_down` and `lora_up` in place of `lora_A` and `lora_B`, as kohya's tools name them: each alpha is
#      dropped, and alpha is taken to be the rank. Rank 4 with alpha 2 is twice as strong, rank 16 with alpha 1 sixteen times.
#   No error, no warning.
#
# Expected before it was tried: each layer at its own alpha / rank. Multiply lora_B by alpha / rank and leave alphas out of the file, or look at
# `scaling` of the layers. A tiny model of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import inspect
import sys
import tempfile
import warnings
from importlib.metadata import version

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from safetensors.torch import save_file

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
RANK = 4
LAYERS = (
    "context_embedder",
    "transformer_blocks.0.attn.to_q",
    "transformer_blocks.0.attn.to_k",
    "single_transformer_blocks.0.proj_mlp",
    "single_transformer_blocks.0.proj_out",
    "single_transformer_blocks.1.proj_out",
    "single_transformer_blocks.2.proj_out",
    "proj_out",
)
NAMED = {"lora_A and lora_B": ("lora_A", "lora_B"), "lora_down and lora_up": ("lora_down", "lora_up")}


def strengths(alphas, halves):
    """How strong each layer is once the LoRA is loaded, measured by what it adds to the weights; 1 is alpha / rank."""
    torch.manual_seed(0)
    model = FluxTransformer2DModel(
        in_channels=8, num_layers=1, num_single_layers=3, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=24, pooled_projection_dim=12, axes_dims_rope=(4, 4, 8),
    )
    parts = dict.fromkeys(list(inspect.signature(FluxPipeline.__init__).parameters)[1:])
    pipeline = FluxPipeline(**parts | {"transformer": model, "scheduler": FlowMatchEulerDiscreteScheduler()})
    dice, file, right, before = torch.Generator().manual_seed(1), {}, {}, {}
    for layer in LAYERS:
        weight = model.get_submodule(layer).weight
        down = torch.randn(RANK, weight.shape[1], generator=dice) / 4
        up = torch.randn(weight.shape[0], RANK, generator=dice) / 4
        file[f"transformer.{layer}.{halves[0]}.weight"] = down
        file[f"transformer.{layer}.{halves[1]}.weight"] = up
        file[f"transformer.{layer}.alpha"] = torch.tensor(alphas[layer])
        right[layer], before[layer] = up @ down * alphas[layer] / RANK, weight.detach().clone()
    with tempfile.TemporaryDirectory() as folder:
        save_file(file, f"{folder}/lora.safetensors")
        pipeline.load_lora_weights(folder, weight_name="lora.safetensors")
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    found = {}
    for layer in LAYERS:
        change = model.get_submodule(layer).weight.detach() - before[layer]
        share = (change * right[layer]).sum() / right[layer].square().sum()
        assert torch.allclose(change, share * right[layer], atol=1e-5), f"{layer} is not the LoRA at any strength"
        found[layer] = round(share.item(), 3)
    return found


alike = dict.fromkeys(LAYERS, 2.0)
last_differs = alike | {"proj_out": 1.0, "single_transformer_blocks.2.proj_out": 3.0}
print(f"diffusers {diffusers.__version__}, peft {version('peft')}, torch {torch.__version__}")
found = {}
for what, alphas in (("alpha 2 in all", alike), ("proj_out 1, block 2's 3, all else 2", last_differs)):
    for how, halves in NAMED.items():
        found[what, how] = strengths(alphas, halves)
        print(f"{what}, {how}, strength of each layer in shares of alpha / rank:")
        for layer, share in found[what, how].items():
            print(f"  {layer}: {share}")

right = dict.fromkeys(LAYERS, 1.0)
by_the_last = {f"single_transformer_blocks.{block}.proj_out": share for block, share in enumerate((0.5, 0.5, 0.333))}
rank_for_alpha = {layer: round(RANK / alpha, 3) for layer, alpha in last_differs.items()}
expected = [right, dict.fromkeys(LAYERS, 2.0), right | by_the_last, rank_for_alpha]
sys.exit(list(found.values()) != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
