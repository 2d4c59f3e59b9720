#!/usr/bin/env bash
# What SDXL and FLUX are told of a prompt with weights by Compel (compel 2.5.1, diffusers 0.42.1, transformers 5.23.0), seen 2026-12-01:
#
#   Compel gives weight to words, "a (cat)1.3 in snow", "a cat++ in snow", and joins or blends prompts, `("…", "…").blend(0.7, 0.3)`. SDXL is
#   guided by the vectors of all words and, beside them, by one pooled vector of the whole prompt. `CompelForSDXL` makes the first of the
#   prompt that it has parsed, and the second of the text as it was typed: parentheses, plus signs, numbers, quotes and `.blend(0.7, 0.3)` are
#   read as words.
#   1. "a (cat)1.0 in snow" and "(a cat in snow)" have the vectors of "a cat in snow" to the bit, and pooled ones as far from its as other
#      prompts have. So a weight that changes nothing changes the picture, and every other one changes more than it says.
#   2. Of `("a cat in snow", "a dog").blend(1, 0)`, which is the first prompt alone, the pooled vector is that of the code. (`.and()`: the same.)
#      Negative prompts go the same way. `CompelForFlux` pools the words alone, without the syntax (the control); of weights its pooled vector
#      knows nothing, as is said in the code.
#   3. A blend for FLUX has one row of words and two pooled vectors: 0.7 and 0.3 of the sum of both prompts' in place of one that is mixed
#      (of `.and()` two as well, one of each prompt). FluxPipeline takes that and gives two pictures for one prompt, neither of which is the blend.
#   No error, no warning.
#
# Expected before it was tried: the pooled vector of the words, weighted or blended as they are, or not. That of the plain words by a second
# call helps. Tiny encoders of random weights and a tokenizer of single letters. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "pillow==13.0.0" "compel==2.5.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import json
import string
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import torch
import transformers
from compel import CompelForFlux, CompelForSDXL
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
folder = Path(sys.argv[1]) / "tokenizer"
folder.mkdir()
letters = list(string.printable.strip())
words = letters + [letter + "</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
(folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
(folder / "merges.txt").write_text("#version: 0.2\n")
tokenizer = CLIPTokenizer.from_pretrained(str(folder), model_max_length=77)


def new_encoder(kind):
    torch.manual_seed(0)
    return kind(CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, projection_dim=16,
        max_position_embeddings=77, bos_token_id=len(words) - 2, eos_token_id=len(words) - 1,
    )).eval()  # fmt: skip


def apart(one, other):
    return round(((one - other).norm() / other.norm()).item(), 2)


clip, projected = new_encoder(CLIPTextModel), new_encoder(CLIPTextModelWithProjection)
sdxl = CompelForSDXL(SimpleNamespace(tokenizer=tokenizer, tokenizer_2=tokenizer, text_encoder=clip, text_encoder_2=projected))
flux = CompelForFlux(SimpleNamespace(tokenizer=tokenizer, tokenizer_2=tokenizer, text_encoder=clip, text_encoder_2=clip))


@torch.no_grad()
def pooled(text):
    ids = tokenizer(text, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    return projected(ids).text_embeds


PLAIN = "a cat in snow"
SAME = ["a (cat)1.0 in snow", "(a cat in snow)", '("a cat in snow").and()', '("a cat in snow", "a dog").blend(1, 0)']
OTHER = ["a cat++ in snow", "a (cat)1.3 in snow", "a cat in rain"]
print(f"compel {version('compel')}, transformers {transformers.__version__}; how far from {PLAIN!r}")
plain, plain_flux = sdxl(PLAIN), flux(PLAIN)
found = {}
for prompt in SAME + OTHER:
    by_sdxl, by_flux = sdxl(prompt), flux(prompt)
    of_negative = sdxl(PLAIN, negative_prompt=prompt).negative_pooled_embeds
    found[prompt] = apart(by_sdxl.embeds, plain.embeds), apart(by_sdxl.pooled_embeds, plain.pooled_embeds)
    flux_off = apart(by_flux.pooled_embeds, plain_flux.pooled_embeds)
    as_typed = apart(by_sdxl.pooled_embeds, pooled(prompt)) == 0 == apart(of_negative, pooled(prompt))
    found[prompt] += (flux_off, as_typed)
    print(f"  {prompt:42} words {found[prompt][0]}, pooled {found[prompt][1]}, of FLUX {flux_off}; as it was typed: {as_typed}")

BLEND = '("a cat in snow", "a dog").blend(0.7, 0.3)'
blend, dog = flux(BLEND), flux("a dog")
both = plain_flux.pooled_embeds + dog.pooled_embeds
mixed = plain_flux.pooled_embeds * 0.7 + dog.pooled_embeds * 0.3
of_sum = [apart(row, both[0] * weight) for row, weight in zip(blend.pooled_embeds, (0.7, 0.3), strict=True)]
transformer = FluxTransformer2DModel(
    patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16,
    pooled_projection_dim=16, axes_dims_rope=[4, 4, 8],
).eval()  # fmt: skip
parts = dict.fromkeys(("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
pipeline = FluxPipeline(scheduler=FlowMatchEulerDiscreteScheduler(), transformer=transformer, **parts)
pipeline.set_progress_bar_config(disable=True)
pictures = pipeline(
    prompt_embeds=blend.embeds, pooled_prompt_embeds=blend.pooled_embeds, height=64, width=64, num_inference_steps=2, output_type="latent",
    generator=torch.Generator().manual_seed(0),
).images  # fmt: skip
print(f"  FLUX, {BLEND}: words {tuple(blend.embeds.shape)}, pooled {tuple(blend.pooled_embeds.shape)}, {len(pictures)} pictures")
print(f"    the rows are 0.7 and 0.3 of the sum to {of_sum}, and {[apart(row, mixed[0]) for row in blend.pooled_embeds]} from the blend")

rain = found["a cat in rain"]
as_seen = all(as_typed for *_, as_typed in found.values()) and rain[0] > 0 and rain[2] > 0
as_seen &= all(found[prompt][0] == 0 and found[prompt][1] > rain[1] * 0.8 for prompt in SAME)
as_seen &= of_sum == [0, 0] and len(blend.embeds) == 1 and len(pictures) == 2 and not torch.equal(pictures[0], pictures[1])
as_seen &= all(found[prompt][2] == 0 for prompt in SAME[:2] + OTHER[:2])
sys.exit(not (as_seen and all(found[prompt][1] > rain[1] * 0.8 for prompt in OTHER[:2])))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
