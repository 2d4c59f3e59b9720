#!/usr/bin/env bash
# Whose weights render once blocks are offloaded to disk (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-29:
#
#   `enable_group_offload(…, offload_to_disk_path=FOLDER)` writes each group of layers into a file that is named after the
#   layers alone ("blocks_0_0"), and leaves a file that is there already as it is.
#   1. Two models of one architecture with one folder: the second renders with the weights of the first. Wan2.2 is such a pair:
#      `pipeline.enable_group_offload(…)` gives both experts one folder, and `transformer_2` is `transformer`, to the bit.
#   2. Another process, next day, with another checkpoint and the folder of yesterday: renders with yesterday's.
#   3. What changes after it is gone at the next call: `fuse_lora()` without effect, `hotswap=True` goes on with the LoRA before
#      (of the customer before), `load_state_dict` without effect. Offloading to memory takes all three.
#   4. `save_pretrained` of such a model writes what memory happens to hold: of 69 tensors 68 or all are not the model's.
#   No error, no warning.
#
# Expected before it was tried: files of its own for each model, written anew for each session, and changes and saving as in
# memory. A new, empty folder for each component and each start helps with 1 and 2; changes and saving belong before the offloading.
# Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import subprocess
import sys
import tempfile
import warnings

import diffusers
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
CPU = torch.device("cpu")
LAYERS = [f"blocks.{block}.attn1.to_{part}" for block in (0, 1) for part in "qkv"]
dice = torch.Generator().manual_seed(0)
latents, text = torch.randn(1, 4, 2, 4, 4, generator=dice), torch.randn(1, 3, 32, generator=dice)


def new_transformer(seed):
    torch.manual_seed(seed)
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, text_dim=32,
        freq_dim=32, ffn_dim=64, num_layers=2, rope_max_seq_len=32,
    ).eval()


def new_pipeline(second=None):
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    return WanPipeline(
        tokenizer=None, text_encoder=None, vae=vae, transformer=new_transformer(1), transformer_2=second,
        boundary_ratio=0.9 if second else None, scheduler=scheduler,
    )


def lora(seed):
    dice = torch.Generator().manual_seed(seed)
    shapes = {"lora_A": (4, 32), "lora_B": (32, 4)}
    return {
        f"transformer.{layer}.{half}.weight": torch.randn(*shape, generator=dice) / 3
        for layer in LAYERS
        for half, shape in shapes.items()
    }


def offload(what, path, kind="block_level"):
    """Blocks one by one to `path`, or to memory where it is None."""
    groups = {"num_blocks_per_group": 1} if kind == "block_level" else {}
    disk = {} if path is None else {"offload_to_disk_path": path}
    what.enable_group_offload(onload_device=CPU, offload_device=CPU, offload_type=kind, **groups, **disk)


def output(transformer):
    with torch.no_grad():
        return transformer(latents, timestep=torch.tensor([500.0]), encoder_hidden_states=text)[0]


FIRST, SECOND = output(new_transformer(1)), output(new_transformer(2))


def whose(seen):
    return "its own" if torch.equal(seen, SECOND) else "the first's" if torch.equal(seen, FIRST) else "something else"


if len(sys.argv) > 1:  # the other process: the second model, with the folder of the first
    late = new_transformer(2)
    offload(late, sys.argv[1])
    print(whose(output(late)))
    sys.exit()

print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
found = {}
for kind in ("block_level", "leaf_level"):
    path = tempfile.mkdtemp()
    for seed in (1, 2):
        model = new_transformer(seed)
        offload(model, path, kind)
        seen = output(model)
    found[f"the second model, {kind}"] = whose(seen)
path = tempfile.mkdtemp()
early = new_transformer(1)
offload(early, path)
output(early)
found["another process"] = subprocess.check_output([sys.executable, __file__, path], text=True).split("\n")[-2]
for name, path in (("disk", tempfile.mkdtemp()), ("memory", None)):
    pair = new_pipeline(new_transformer(2))
    offload(pair, path)
    output(pair.transformer)
    found[f"transformer_2 of a pipeline, {name}"] = whose(output(pair.transformer_2))


def fused(pipeline):
    pipeline.fuse_lora()


def exchanged(pipeline):
    pipeline.load_lora_weights(lora(2), adapter_name="slot", hotswap=True)


def loaded(pipeline):
    pipeline.transformer.load_state_dict({name: w * 1.1 for name, w in STATE.items()})


for change in (fused, exchanged, loaded):
    for name, path in (("disk", tempfile.mkdtemp()), ("memory", None)):
        results = {}
        for when in ("without", "offloaded", "unchanged"):
            pipeline = new_pipeline()
            pipeline.load_lora_weights(lora(1), adapter_name="slot")
            STATE = {key: weight.clone() for key, weight in pipeline.transformer.state_dict().items()}
            if when == "offloaded":
                offload(pipeline.transformer, path)
            if when != "unchanged":
                change(pipeline)
            elif change is fused:  # without effect: the weights alone, for the layers beside them stand aside
                pipeline.disable_lora()
            results[when] = output(pipeline.transformer)
        near = {when: torch.allclose(results["offloaded"], results[when], atol=1e-5) for when in ("without", "unchanged")}
        found[f"{change.__name__} later, {name}"] = (
            "in effect" if near == {"without": True, "unchanged": False}
            else "without effect" if near == {"without": False, "unchanged": True} else "something else"
        )

saved = {}
for name, path in (("disk", tempfile.mkdtemp()), ("memory", None)):
    model, folder = new_transformer(1), tempfile.mkdtemp()
    offload(model, path)
    model.save_pretrained(folder)
    own, written = new_transformer(1).state_dict(), WanTransformer3DModel.from_pretrained(folder).state_dict()
    wrong = sum(not torch.equal(own[key], written[key]) for key in own)
    found[f"saved after that, {name}"] = "wrong" if wrong > len(own) / 2 else "right" if wrong == 0 else "in part"
    saved[name] = f"{wrong} of {len(own)} tensors are others"

print(f"  save_pretrained: {saved}")
for what, seen in found.items():
    print(f"  {what}: {seen}")
expected = {
    "the second model, block_level": "the first's",
    "the second model, leaf_level": "the first's",
    "another process": "the first's",
    "transformer_2 of a pipeline, disk": "the first's",
    "saved after that, disk": "wrong",
    "saved after that, memory": "right",
    "transformer_2 of a pipeline, memory": "its own",
    **{f"{change} later, disk": "without effect" for change in ("fused", "exchanged", "loaded")},
    **{f"{change} later, memory": "in effect" for change in ("fused", "exchanged", "loaded")},
}
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
