#!/usr/bin/env bash
# What `from_single_file` of diffusers 0.42.1 (torch 2.13.0, gguf 0.19) makes of Wan's own files, seen 2026-11-30:
#
#   FLF2V: `img_emb.emb_pos`, the places of the two pictures' tokens, is not renamed (`scripts/convert_wan_to_diffusers.py` of the
#   same repository renames it). It is dropped with a warning, and the parameter is left on the meta device: OUTCOME_FLF2V.
#   Animate: the kernels that blur in the encoder of faces, buffers that every file of the authors has, are dropped with a
#   warning that names them as weights that were not used; right, but a strict loader fails on them.
#   Animate as GGUF: llama.cpp's tool quantizes all matrices, those of the encoder of faces among them. Its layers are no
#   nn.Linear, so their bytes are taken for numbers: OUTCOME_GGUF.
#
# Expected before it was tried: the model of the file, or an error in words. The farm renames the one, compares the others with the
# library's own and leaves them out, and makes numbers of the third (workers/pipelines/).
# It installs these versions into a folder of its own, needs no GPU and no weights, and exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "gguf>=0.17,<1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from pathlib import Path

import diffusers
import gguf
import torch
from diffusers import WanAnimateTransformer3DModel, WanTransformer3DModel
from diffusers.models.model_loading_utils import load_gguf_checkpoint

folder = Path(sys.argv[1])
diffusers.utils.logging.set_verbosity_error()
SIZES = {
    "patch_size": (1, 2, 2), "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 36, "out_channels": 16,
    "text_dim": 16, "freq_dim": 16, "ffn_dim": 64, "num_layers": 1, "cross_attn_norm": True, "image_dim": 16,
    "added_kv_proj_dim": 32, "rope_max_seq_len": 32,
}
wrong = []


def expect(what, told, wanted):
    print(f"{what}: {told}")
    if wanted not in str(told):
        wrong.append(f"{what}: expected {wanted!r}")


def outcome(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def renamed(tensors, names):
    found = {}
    for name, tensor in tensors.items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        found[name] = tensor
    return found


# 1. FLF2V: only the one name that the converter does not know is the authors' own; it makes the converter run.
model = WanTransformer3DModel(**SIZES, pos_embed_seq_len=10)
model.save_pretrained(folder / "flf2v" / "transformer")
own = renamed(model.state_dict(), {"condition_embedder.image_embedder.pos_embed": "img_emb.emb_pos", ".norm2.": ".norm3."})
own = renamed(own, {"condition_embedder.image_embedder.norm3": "img_emb.proj.4"})


def load_flf2v():
    made = WanTransformer3DModel.from_single_file(own, config=str(folder / "flf2v"), subfolder="transformer")
    return f"the places are on {made.condition_embedder.image_embedder.pos_embed.device}"


expect("FLF2V", outcome(load_flf2v), "meta")

# 2. Animate as GGUF, with the matrices of the encoder of faces quantized, under diffusers' own names.
torch.manual_seed(0)
model = WanAnimateTransformer3DModel(
    **{**SIZES, "added_kv_proj_dim": 32}, latent_channels=16, motion_encoder_channel_sizes={"4": 6, "8": 6, "16": 4},
    motion_encoder_size=16, motion_style_dim=32, motion_dim=4, motion_encoder_dim=32, face_encoder_hidden_dim=32,
    face_encoder_num_heads=2, inject_face_latents_blocks=1,
)
model.save_pretrained(folder / "animate" / "transformer")
writer = gguf.GGUFWriter(folder / "animate.gguf", "wan")
kind = gguf.GGMLQuantizationType.Q8_0
for name, tensor in model.state_dict().items():
    array = tensor.float().numpy()
    if array.ndim > 4:
        continue
    if array.ndim == 2 and "motion_network" in name and array.shape[1] % 32 == 0:
        writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, array)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
tensors = load_gguf_checkpoint(str(folder / "animate.gguf"))
tensors |= {name: tensor for name, tensor in model.state_dict().items() if tensor.ndim > 4}
quantized = WanAnimateTransformer3DModel.from_single_file(
    tensors, config=str(folder / "animate"), subfolder="transformer", torch_dtype=torch.float32,
    quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=torch.float32),
)
face = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
with torch.no_grad():
    expect("the face by the model itself", tuple(model.motion_encoder(face).shape), "(1, 32)")
    expect("the face by the GGUF file", outcome(lambda: tuple(quantized.motion_encoder(face).shape)), "Error")

for line in wrong:
    print(line)
sys.exit(bool(wrong))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
