#!/usr/bin/env bash
# Which passes three of diffusers 0.42.1's guiders mix (torch 2.13.0), those that compare the model with a worse one, seen 2026-11-30:
#
#   Skip-layer guidance, perturbed attention and smoothed energy run the prompt once more with some layers left out, without attention, or
#   with it blurred, and lead away from that. A guider (modular pipelines) puts hooks on the model for that one pass.
#   1. `SmoothedEnergyGuidance` never does: it counts the passes, and does not count up. Its third pass is the first to the bit,
#      whatever the layers, and `seg_guidance_scale` 0 and 9 give one picture: half as much time again for nothing. (huggingface/
#      diffusers pull request 14187, open, is about the blur itself, which nothing ever comes to.)
#   2. All three without classifier-free guidance (`guidance_scale=1`, as distilled models and the methods' own papers have it, or steps
#      outside of `start` and `stop`): the second pass has the negative prompt in the place of the prompt, and all layers.
#      `SkipLayerGuidance(guidance_scale=1, skip_layer_guidance_scale=3)` is `ClassifierFreeGuidance(guidance_scale=3)` to the bit.
#   With both guidances on, the first two are right (the control). No error, no warning.
#
# Expected before it was tried: the prompt, with the layers named left out. Tiny models of random weights. Install, CPU only; exits with
# 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import ClassifierFreeGuidance, CogView4Transformer2DModel, PerturbedAttentionGuidance, SkipLayerGuidance
from diffusers import SmoothedEnergyGuidance, UNet2DConditionModel
from diffusers.hooks import LayerSkipConfig, SmoothedEnergyGuidanceConfig

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
found = {}


def drawn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


NOISE, PROMPT, NEGATIVE = drawn(1, 1, 4, 16, 16), drawn(2, 1, 6, 32), drawn(3, 1, 6, 32)


def cogview4():
    torch.manual_seed(0)
    model = CogView4Transformer2DModel(
        patch_size=2, in_channels=4, num_layers=3, attention_head_dim=4, num_attention_heads=4, out_channels=4, text_embed_dim=32,
        time_embed_dim=8, condition_dim=4,
    ).eval()
    size, corner = torch.tensor([[128, 128]]), torch.tensor([[0, 0]])
    return model, "transformer_blocks", [1], lambda words: model(
        hidden_states=NOISE, timestep=torch.tensor([500]), encoder_hidden_states=words, original_size=size, target_size=size,
        crop_coords=corner, return_dict=False,
    )[0]


def unet():
    torch.manual_seed(0)
    model = UNet2DConditionModel(
        block_out_channels=(16, 32), layers_per_block=1, sample_size=16, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=8, norm_num_groups=8,
    ).eval()
    return model, "mid_block.attentions.0.transformer_blocks", [0], lambda words: model(
        NOISE, torch.tensor(500), words, return_dict=False
    )[0]


def guided(guider, model, forward):
    """The guided prediction of one step, and the predictions it is mixed from, in the way of the modular pipelines' loops."""
    guider.set_state(step=1, num_inference_steps=10, timestep=torch.tensor(500))
    passes = guider.prepare_inputs({"encoder_hidden_states": (PROMPT, NEGATIVE)})
    for one in passes:
        guider.prepare_models(model)
        one.noise_pred = forward(one.encoder_hidden_states)
        guider.cleanup_models(model)
    return guider(passes)[0], [one.noise_pred for one in passes]


def guiders(where, layers):
    attention_alone = {"skip_attention": False, "skip_attention_scores": True, "skip_ff": False}
    return {
        "skip layer": lambda guidance, scale: SkipLayerGuidance(
            guidance_scale=guidance, skip_layer_guidance_scale=scale, skip_layer_guidance_start=0.0,
            skip_layer_config=LayerSkipConfig(indices=layers, fqn=where),
        ),
        "perturbed attention": lambda guidance, scale: PerturbedAttentionGuidance(
            guidance_scale=guidance, perturbed_guidance_scale=scale, perturbed_guidance_start=0.0,
            perturbed_guidance_config=LayerSkipConfig(indices=layers, fqn=where, **attention_alone),
        ),
        "smoothed energy": lambda guidance, scale: SmoothedEnergyGuidance(
            guidance_scale=guidance, seg_guidance_scale=scale, seg_guidance_start=0.0,
            seg_guidance_config=SmoothedEnergyGuidanceConfig(indices=layers, fqn=where),
        ),
    }


for family, make in {"CogView4": cogview4, "UNet": unet}.items():
    model, where, layers, forward = make()
    prompt, negative = forward(PROMPT), forward(NEGATIVE)
    for name, guider in guiders(where, layers).items():
        for guidance in (5.0, 1.0):
            _, passes = guided(guider(guidance, 3.0), model, forward)
            kinds = ["prompt" if torch.equal(one, prompt) else "negative" if torch.equal(one, negative) else "own" for one in passes]
            found[f"{family}, {name}, guidance {guidance:g}"] = " ".join(kinds)
        plain, _ = guided(ClassifierFreeGuidance(guidance_scale=3.0), model, forward)
        alone, _ = guided(guider(1.0, 3.0), model, forward)
        found[f"{family}, {name} 3 alone, is guidance 3"] = bool(torch.equal(alone, plain))
        one, other = (guided(guider(5.0, scale), model, forward)[0] for scale in (0.0, 9.0))
        found[f"{family}, {name}, 0 and 9"] = "one picture" if torch.allclose(one, other, atol=1e-6) else "two"

expected = {}
for family in ("CogView4", "UNet"):
    for name in ("skip layer", "perturbed attention", "smoothed energy"):
        energy = name == "smoothed energy"
        expected |= {
            f"{family}, {name}, guidance 5": "prompt negative prompt" if energy else "prompt negative own",
            f"{family}, {name}, guidance 1": "prompt negative",
            f"{family}, {name} 3 alone, is guidance 3": True,
            f"{family}, {name}, 0 and 9": "one picture" if energy else "two",
        }
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:54} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
