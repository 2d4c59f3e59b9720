#!/usr/bin/env bash
# What `WanTransformer3DModel.from_single_file` of diffusers 0.42.1 makes of valid single files of a Wan transformer, with its
# configuration given (nothing is left to detection), seen 2026-11-29:
#
#   - In bfloat16 and float16 it is another model than `from_pretrained` makes of the same weights: time embedder, modulation
#     tables and norms, which the class keeps in float32, are cast, too. What comes out differs; in float32 it is equal.
#   - ComfyUI's fp8-scaled files (float8_e4m3fn weights, each beside a `scale_weight`) load without an exception. The scales
#     are dropped and the weights stay larger by 1 / scale (a thousandfold and more); a warning names unused weights.
#   - `model.diffusion_model.` is taken off the original names. Before diffusers' own names it makes norm2 norm3: its weights
#     are dropped, and the load ends in NotImplementedError about meta tensors, which names no weight. `diffusion_model.`,
#     as other tools write it, ends likewise with either naming.
#
# Guessed before: the first two; of the third only that a missing weight raises so. Install, CPU only; exits with 1 if different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from pathlib import Path

import diffusers
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
folder = Path(sys.argv[1])
ORIGINAL = {  # diffusers' name → the name in Wan's own files
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "attn1": "self_attn", "attn2": "cross_attn",
    ".to_q.": ".q.", ".to_k.": ".k.", ".to_v.": ".v.", ".to_out.0.": ".o.",
    "ffn.net.0.proj": "ffn.0", "ffn.net.2": "ffn.2", ".norm2.": ".norm3.",
    "proj_out": "head.head",
}


def original(name):
    if name == "scale_shift_table":
        return "head.modulation"
    for ours, theirs in ORIGINAL.items():
        name = name.replace(ours, theirs)
    return name.replace("scale_shift_table", "modulation")


def fp8_scaled(tensors):
    made = {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)}
    for name, tensor in tensors.items():
        if name.startswith("blocks") and name.endswith(".weight") and tensor.ndim == 2:
            scale = tensor.abs().max() / 448
            made[name] = (tensor / scale).to(torch.float8_e4m3fn)
            made[name.replace(".weight", ".scale_weight")] = scale
        else:
            made[name] = tensor
    return made


def load(tensors, dtype=None):
    path = folder / "single.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return WanTransformer3DModel.from_single_file(
        str(path), config=str(folder / "model"), subfolder="transformer", dtype=dtype
    )


def call(model):
    dice = torch.Generator().manual_seed(1)
    latents, text = (torch.randn(*shape, generator=dice).to(model.dtype) for shape in ((1, 4, 2, 4, 4), (1, 3, 32)))
    with torch.no_grad():
        return model(latents, timestep=torch.tensor([500.0]), encoder_hidden_states=text)[0].float()


def ends(tensors):
    try:
        return "equal" if torch.allclose(call(load(tensors)), expected, atol=1e-5) else "loads, differs"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:40]}"


torch.manual_seed(0)
model = WanTransformer3DModel(
    patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, text_dim=32,
    freq_dim=32, ffn_dim=64, num_layers=2, cross_attn_norm=True, rope_max_seq_len=32,
).eval()
model.save_pretrained(folder / "model" / "transformer")
expected, named = call(model), model.state_dict()
tensors = {original(name): tensor for name, tensor in named.items()}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
as_seen = ends(tensors) == "equal"
print("original names, float32:", ends(tensors))

for dtype in (torch.bfloat16, torch.float16):
    whole = WanTransformer3DModel.from_pretrained(folder / "model" / "transformer", dtype=dtype)
    single = load(tensors, dtype)
    other = [name for name, weight in whole.named_parameters() if weight.dtype != single.get_parameter(name).dtype]
    apart = (call(whole) - call(single)).abs().max().item()
    print(f"{dtype}: {len(other)} weights of another dtype (first {other[0]}), output differs by {apart:.4f}")
    as_seen &= len(other) == 11 and apart > 1e-4

scaled = load(fp8_scaled(tensors), torch.bfloat16)
weight, true = (part.blocks[0].attn1.to_q.weight.float().std().item() for part in (scaled, model))
print(f"fp8-scaled: loads; a weight's deviation is {weight:.1f} and should be {true:.3f}")
as_seen &= weight / true > 1000

for prefix, wanted in (("model.diffusion_model.", ("equal", "Not")), ("diffusion_model.", ("Not", "Not"))):
    for naming, given, begins in (("original", tensors, wanted[0]), ("diffusers'", named, wanted[1])):
        end = ends({prefix + name: tensor for name, tensor in given.items()})
        print(f"{prefix} before {naming} names: {end}")
        as_seen &= end.startswith(begins)
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
