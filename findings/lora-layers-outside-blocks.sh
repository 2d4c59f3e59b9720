#!/usr/bin/env bash
# Which layers of a LoRA arrive that names them as the model's authors do (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   `load_lora_weights` renames such files. Layers inside of the blocks come out right. Those before and behind the blocks, which a file has that
#   is the difference of two checkpoints (a turbo or a fine-tuned model as a LoRA), or was trained on all linear layers:
#   1. FLUX.1, as sd-scripts (`lora_unet_img_in`) and ComfyUI (`diffusion_model.img_in.lora_down`) write it: the embedders of picture, prompt, time,
#      guidance and pooled prompt, and both final layers are lost. They are renamed without the `transformer.` that the next step
#      looks for. The rest of the LoRA is applied. (huggingface/diffusers issue 13998, closed, was about errors for such files.)
#   2. FLUX.2, `final_layer.adaLN_modulation.1`: the authors' layer gives shift and scale, diffusers' scale and shift. `from_single_file`
#      exchanges the halves of a checkpoint, the loader of LoRAs (and of LoKr, not run) does not: 1.4 times the change's size off.
#   3. HunyuanVideo, the same layer: exchanged in lora_B, which is right, and in lora_A, whose rows are the rank: the product of
#      the two is another matrix, 1.5 times the change's size off.
#   No error, and no warning about them (of 3 a RuntimeWarning of peft names another layer).
#
# Expected before it was tried: the checkpoint with the LoRA added, as `from_single_file` loads it. Merge such a file into the checkpoint, or look
# whether each of its layers changes after `fuse_lora`. Tiny models of random weights. Install, CPU only; exits with 1 if any of that is
# different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import inspect
import sys
import warnings
from importlib.metadata import version

import diffusers
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    Flux2Pipeline,
    Flux2Transformer2DModel,
    FluxPipeline,
    FluxTransformer2DModel,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from diffusers.loaders.single_file_utils import (
    convert_flux2_transformer_checkpoint_to_diffusers,
    convert_hunyuan_video_transformer_to_diffusers,
)

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
RANK = 4
HEADS = {"num_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2}


def flux1():
    return FluxTransformer2DModel(
        in_channels=8, num_single_layers=1, joint_attention_dim=24, pooled_projection_dim=12, guidance_embeds=True,
        axes_dims_rope=(4, 4, 8), **HEADS,
    )


def flux2():
    return Flux2Transformer2DModel(
        in_channels=8, num_single_layers=1, joint_attention_dim=24, timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4), **HEADS,
    )


def hunyuan():
    return HunyuanVideoTransformer3DModel(
        in_channels=4, out_channels=4, num_single_layers=0, num_refiner_layers=1, patch_size=1, text_embed_dim=24,
        pooled_projection_dim=12, rope_axes_dim=(4, 4, 8), **HEADS,
    )


# the authors' names, diffusers' names; those of the blocks are the controls
FLUX1 = {
    "double_blocks.0.img_mlp.0": "transformer_blocks.0.ff.net.0.proj",
    "single_blocks.0.linear2": "single_transformer_blocks.0.proj_out",
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
FLUX2 = {
    "double_blocks.0.img_mlp.0": "transformer_blocks.0.ff.linear_in",
    "img_in": "x_embedder",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
HUNYUAN = {
    "double_blocks.0.img_mlp.fc1": "transformer_blocks.0.ff.net.0.proj",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}


def lora(model, names, dice):
    """A pair of matrices for each of these layers, under the authors' names."""
    shapes = {name: model.get_submodule(ours).weight.shape for name, ours in names.items()}
    draw = lambda *shape: torch.randn(*shape, generator=dice) / 4  # noqa: E731
    return {name: (draw(RANK, shape[1]), draw(shape[0], RANK)) for name, shape in shapes.items()}


def differences(make, pipeline_class, names, file_of, converted):
    """How far each layer is from the checkpoint with the LoRA added, in sizes of the change: 0 is right, 1 is without effect."""
    torch.manual_seed(0)
    model = make()
    before = {ours: model.get_submodule(ours).weight.detach().clone() for ours in names.values()}
    pairs = lora(model, names, torch.Generator().manual_seed(1))
    parts = dict.fromkeys(list(inspect.signature(pipeline_class.__init__).parameters)[1:])
    pipeline = pipeline_class(**parts | {"transformer": model, "scheduler": FlowMatchEulerDiscreteScheduler()})
    pipeline.load_lora_weights(file_of(pairs))
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    off = {}
    for name, ours in names.items():
        down, up = pairs[name]
        right = converted(name, ours, up @ down)
        change = model.get_submodule(ours).weight.detach() - before[ours]
        off[name] = ((change - right).norm() / right.norm()).item()
    return off


def sd_scripts(pairs):
    halves = {}
    for name, (down, up) in pairs.items():
        flat = f"lora_unet_{name.replace('.', '_')}"
        halves |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(float(RANK))}
    return halves


def comfyui(pairs):
    return {f"diffusion_model.{n}.lora_{way}.weight": half for n, p in pairs.items() for way, half in zip(("down", "up"), p)}


def peft_names(pairs):
    return {f"diffusion_model.{n}.lora_{half}.weight": m for n, pair in pairs.items() for half, m in zip("AB", pair)}


def hunyuan_file(pairs):
    """With a layer by whose name the loader knows HunyuanVideo's own layout."""
    known_by = {"double_blocks.0.img_attn_qkv": (torch.zeros(RANK, 32), torch.zeros(96, RANK))}
    return peft_names(pairs | known_by)


def as_single_file(convert):
    return lambda name, ours, change: convert({f"{name}.weight": change})[f"{ours}.weight"]


print(f"diffusers {diffusers.__version__}, peft {version('peft')}, torch {torch.__version__}")
itself = lambda name, ours, change: change  # noqa: E731
found = {
    "FLUX.1, sd-scripts": differences(flux1, FluxPipeline, FLUX1, sd_scripts, itself),
    "FLUX.1, ComfyUI": differences(flux1, FluxPipeline, FLUX1, comfyui, itself),
    "FLUX.2": differences(
        flux2, Flux2Pipeline, FLUX2, peft_names, as_single_file(convert_flux2_transformer_checkpoint_to_diffusers)
    ),
    "HunyuanVideo": differences(
        hunyuan, HunyuanVideoPipeline, HUNYUAN, hunyuan_file, as_single_file(convert_hunyuan_video_transformer_to_diffusers)
    ),
}
as_seen = True
for layout, off in found.items():
    print(f"{layout}, off by how many times the change:")
    for name, share in off.items():
        if layout.startswith("FLUX.1"):
            same = share < 1e-5 if "blocks" in name else share == 1
        else:
            same = 1.2 < share < 1.6 if "adaLN" in name else share < 1e-5
        as_seen &= same
        print(f"  {name}: {share:.2f}{'' if same else '   CHANGED'}")
sys.exit(not as_seen)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
