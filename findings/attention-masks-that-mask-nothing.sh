#!/usr/bin/env bash
# What becomes of the padding of a short prompt beside a long one, with a mask (diffusers 0.42.1, torch 2.13.0), seen 2026-11-30:
#
#   1. `CogView4Transformer2DModel` and `GlmImageTransformer2DModel` take `attention_mask`, 1 for a word and 0 for padding, as
#      their code says. They make of it a matrix of truth values and turn that into numbers, which attention adds to its scores:
#      a word gets 1 more, padding 0. So padding is looked at as before, if a little less, and what stands in it changes the
#      picture; a mask of ones alone is right. Their pipelines pass none; who trains, or renders prompts of several lengths
#      in one batch, does.
#   2. `dispatch_attention_fn(…, attn_mask=…, backend="flex")`, by which a model's attention is given to FlexAttention, with a mask
#      of (batch, keys): the mask is laid over the queries. Padding is looked at by all words, and the rows of the padding are
#      zeros. The same mask with `native`, or as (batch, 1, 1, keys) with either, is right.
#   No error, no warning. Of one prompt, or of prompts of one length, nothing is seen.
#
# Expected before it was tried: what stands where the mask says 0 changes nothing, as in Qwen-Image (the control). Tiny models of
# random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import CogView4Transformer2DModel, GlmImageTransformer2DModel, QwenImageTransformer2DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
WORDS = 8
MASK = torch.tensor([[1] * WORDS, [1] * 3 + [0] * (WORDS - 3)])
dice = torch.Generator().manual_seed(1)


def drawn(*shape):
    return torch.randn(*shape, generator=dice)


picture, tokens, text, other = drawn(2, 4, 8, 8), drawn(2, 16, 16), drawn(2, WORDS, 16), drawn(2, WORDS, 16)
SHAPE = {"patch_size": 2, "out_channels": 4, "num_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2}
SIZES = {name: torch.tensor([[64.0, 64.0]] * 2) for name in ("original_size", "target_size", "crop_coords")}
TIME = torch.tensor([500, 500])


def cogview(words, mask):
    model = CogView4Transformer2DModel(in_channels=4, text_embed_dim=16, time_embed_dim=16, condition_dim=8, **SHAPE)
    return model.eval(), lambda: model(picture, words, timestep=TIME, attention_mask=mask, return_dict=False, **SIZES)[0]


def glm_image(words, mask):
    model = GlmImageTransformer2DModel(
        in_channels=4, text_embed_dim=16, time_embed_dim=16, condition_dim=8, prior_vq_quantizer_codebook_size=32, **SHAPE
    )
    sizes = {name: SIZES[name] for name in ("target_size", "crop_coords")}
    prior = {"prior_token_id": torch.zeros(2, 16, dtype=torch.long), "prior_token_drop": torch.zeros(2, 16, dtype=torch.bool)}
    return model.eval(), lambda: model(picture, words, timestep=TIME, attention_mask=mask, return_dict=False, **prior, **sizes)[0]


def qwen_image(words, mask):
    model = QwenImageTransformer2DModel(in_channels=16, joint_attention_dim=16, axes_dims_rope=(8, 4, 4), **SHAPE)
    shapes = [[(1, 4, 4)]] * 2
    return model.eval(), lambda: model(
        tokens, words, encoder_hidden_states_mask=mask, timestep=TIME / 1000, img_shapes=shapes, return_dict=False
    )[0]


@torch.no_grad()
def made(kind, words, mask):
    torch.manual_seed(0)
    model, call = kind(words, mask)
    for weights in model.parameters():  # so that nothing begins at zero
        weights.normal_(std=0.3)
    return call()


def change(before, after):
    """By how much the picture of the short prompt changes, as a share of its size."""
    return ((after[1] - before[1]).norm() / before[1].norm()).item()


def elsewhere(words):
    """The same words with other padding."""
    return torch.where(MASK[..., None] == 1, words, other)


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}: other padding changes the picture of the short prompt by")
shares = {}
for kind in (cogview, glm_image, qwen_image):
    shares[kind.__name__] = change(made(kind, text, MASK), made(kind, elsewhere(text), MASK))
query, key, value, key2, value2 = (drawn(2, WORDS, 2, 16) for _ in range(5))
keep = MASK[..., None, None] == 1
for shape, mask in {"(batch, keys)": MASK.bool(), "(batch, 1, 1, keys)": MASK.bool()[:, None, None]}.items():
    for backend in ("native", "flex"):
        before = dispatch_attention_fn(query, key, value, attn_mask=mask, backend=backend)
        padded = torch.where(keep, key, key2), torch.where(keep, value, value2)
        after = dispatch_attention_fn(query, *padded, attn_mask=mask, backend=backend)
        shares[f"{backend}, {shape}"] = change(before[:, :3], after[:, :3])
for name, share in shares.items():
    print(f"  {name:27} {share:.1%}")
wrong = {name for name, share in shares.items() if share > 0.01}
sys.exit(0 if wrong == {"cogview", "glm_image", "flex, (batch, keys)"} else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
