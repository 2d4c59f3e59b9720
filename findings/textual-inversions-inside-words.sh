#!/usr/bin/env bash
# Where a textual inversion is found in a prompt (diffusers 0.42.1, transformers 5.23.0), seen 2026-11-29:
#
#   Embeddings are mostly named by a bare word, by their file (`load_textual_inversion(…, token="art")`).
#   1. The word is found inside others: "a party" is read as p, the embedding, y, with all vectors that it has. So a
#      style shows in renders that do not name it, and the word is gone. (ComfyUI wants `embedding:art`.)
#   2. `NAME_1`, of its own file (a second download, a second version), is taken for the second vector of `NAME`: a prompt with
#      `<fox>` renders with both. Alone it is right.
#   3. Of `<fox>` and `<fox>-old`, each of two vectors, one prompt with both never has both: `<fox>` is written out inside the other
#      name, or inside its second vector. Which of the two depends on the order of a set, that is on PYTHONHASHSEED: each worker
#      process has another prompt for the same text and seed.
#   No error, no warning.
#
# Expected before it was tried: whole words; two names, two embeddings. Name them so that none stands in a word, in another name,
# or ends with _ and a number. Tiny encoder of random weights and a tokenizer of single letters. Install, CPU only; exits with 1
# if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import json
import os
import string
import subprocess
import sys
import warnings
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
folder = Path(sys.argv[1]) / "tokenizer"
folder.mkdir(exist_ok=True)
signs = string.ascii_lowercase + string.digits + ",_<>-"
words = [*signs, *(sign + "</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
(folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
(folder / "merges.txt").write_text("#version: 0.2\n")


def read(prompt, **embeddings_of):
    """The tokens that the encoder is given, without start and end, once these embeddings (name: vectors) are loaded."""
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        bos_token_id=len(words) - 2, eos_token_id=len(words) - 1,
    )
    pipeline = StableDiffusionPipeline(
        text_encoder=CLIPTextModel(config).eval(), tokenizer=CLIPTokenizer.from_pretrained(str(folder), model_max_length=77),
        unet=UNet2DConditionModel(
            sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=2,
            cross_attention_dim=16, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        vae=AutoencoderKL(block_out_channels=(4,), norm_num_groups=1), scheduler=EulerDiscreteScheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    for name, vectors in embeddings_of.items():
        pipeline.load_textual_inversion({name: torch.randn(vectors, 16)}, token=name)
    given = []
    pipeline.text_encoder.register_forward_pre_hook(lambda _, args, named: given.append(args[0]), with_kwargs=True)
    with torch.no_grad():
        pipeline.encode_prompt(prompt, "cpu", 1, False)
    tokens = pipeline.tokenizer.convert_ids_to_tokens(given[0][0].tolist())
    return " ".join(tokens[1 : tokens.index("<|endoftext|>")]).replace("</w>", "")


BOTH = {"<fox>": 2, "<fox>-old": 2}
if len(sys.argv) > 2:  # another process, with another order of sets
    print(read("<fox>-old, <fox>", **BOTH))
    sys.exit()
print(f"diffusers {diffusers.__version__}, transformers {transformers.__version__}")
cases = [
    ("party", {}, "p a r t y"),
    ("party", {"art": 1}, "p art y"),
    ("party", {"art": 3}, "p art art_1 art_2 y"),
    ("<fox>", {"<fox>": 1}, "<fox>"),
    ("<fox>", {"<fox>": 1, "<fox>_1": 1}, "<fox> <fox>_1"),
    ("<fox>_1", {"<fox>": 1, "<fox>_1": 1}, "<fox>_1"),
    ("<fox>", BOTH, "<fox> <fox>_1"),
    ("<fox>-old", BOTH, "<fox>-old <fox>-old_1"),
]
as_seen = True
for prompt, embeddings_of, expected in cases:
    seen = read(prompt, **embeddings_of)
    print(f"  {prompt} with {embeddings_of}: {seen}")
    as_seen &= seen == expected
right = "<fox>-old <fox>-old_1 , <fox> <fox>_1"
of_processes = [
    subprocess.check_output(
        [sys.executable, __file__, sys.argv[1], "again"], text=True, env=os.environ | {"PYTHONHASHSEED": str(seed)}
    ).split("\n")[-2]
    for seed in range(6)
]
for seed, seen in enumerate(of_processes):
    print(f"  <fox>-old, <fox> with {BOTH}, PYTHONHASHSEED={seed}: {seen}")
as_seen &= right not in of_processes and len(set(of_processes)) == 2
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
