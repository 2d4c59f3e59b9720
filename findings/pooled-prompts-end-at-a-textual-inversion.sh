#!/usr/bin/env bash
# What SDXL's pipeline (diffusers 0.42.1, transformers 5.23.0) reads of a prompt with a textual inversion in it, seen 2026-11-29:
#
#   SDXL is guided by all words and, beside them, by one pooled vector for the whole prompt, taken at the end-of-text token.
#   CLIP's code finds that token as the largest id of the prompt where the configuration says `eos_token_id: 2`, as the
#   configurations of Stable Diffusion 1.5 and of SDXL's encoders do. `load_textual_inversion` gives the new word an id above
#   the end's. So the vector is taken at the new word, and since CLIP reads from left to right, nothing behind it is in it:
#   "<fox> in the snow" and "<fox> on mars, oil painting" have the same pooled vector, to the bit. A word that was there
#   before, or the true id in the configuration, gives different ones. No error, no warning (a comment in CLIP's code says it).
#
# Expected before it was tried: the vector of the whole prompt. Put such words last, or set `text_encoder_2.eos_token_id` to
# the tokenizer's. Tiny encoders of random weights and a tokenizer of single letters, end-of-text last as in CLIP's own.
# Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import json
import string
import sys
import warnings
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
folder = Path(sys.argv[1]) / "tokenizer"
folder.mkdir()
letters = string.ascii_lowercase + ","
words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
(folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
(folder / "merges.txt").write_text("#version: 0.2\n")
END = len(words) - 1  # 49407 in CLIP's own


def new_pipeline(eos_token_id):
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        projection_dim=16, eos_token_id=eos_token_id, bos_token_id=0,
    )
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=(2, 4),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16, cross_attention_dim=32, transformer_layers_per_block=(1, 1),
    )
    tokenizers = [CLIPTokenizer.from_pretrained(str(folder), model_max_length=77) for _ in range(2)]
    pipeline = StableDiffusionXLPipeline(
        text_encoder=CLIPTextModel(config).eval(), text_encoder_2=CLIPTextModelWithProjection(config).eval(), unet=unet,
        vae=AutoencoderKL(block_out_channels=(4,), norm_num_groups=1), scheduler=EulerDiscreteScheduler(),
        tokenizer=tokenizers[0], tokenizer_2=tokenizers[1], add_watermarker=False,
    )
    learnt = torch.randn(16)
    for encoder, tokenizer in zip((pipeline.text_encoder, pipeline.text_encoder_2), tokenizers):
        pipeline.load_textual_inversion({"<fox>": learnt}, token="<fox>", text_encoder=encoder, tokenizer=tokenizer)
    return pipeline


def apart(pipeline, word):
    """How far the pooled vectors, and those of the words, of two prompts that begin with this word are apart."""
    told = [
        pipeline.encode_prompt(f"a {word} {rest}", do_classifier_free_guidance=False, device="cpu")
        for rest in ("in the snow", "on mars, oil painting")
    ]
    (embeds, _, pooled, _), (other_embeds, _, other_pooled, _) = told
    return (pooled - other_pooled).abs().max().item(), (embeds - other_embeds).abs().max().item()


print(f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
as_seen = True
for eos_token_id, name in ((2, "2, as SDXL says"), (END, "the tokenizer's own")):
    pipeline = new_pipeline(eos_token_id)
    ids = pipeline.tokenizer_2("a <fox> in the snow").input_ids
    as_seen &= max(ids) == END + 1 and ids[-1] == END
    for word in ("<fox>", "fox"):
        with torch.no_grad():
            pooled, embeds = apart(pipeline, word)
        print(f"eos_token_id {name:20} {word:5}: pooled vectors {pooled:.4f} apart, those of words {embeds:.4f}")
        as_seen &= embeds > 0.1
        as_seen &= pooled == 0 if (eos_token_id, word) == (2, "<fox>") else pooled > 0.01
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
