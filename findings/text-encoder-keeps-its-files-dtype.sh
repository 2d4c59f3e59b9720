#!/usr/bin/env bash
# What "a pipeline in float32" computes in, in diffusers 0.42.1 with transformers 5.23.0, seen 2026-11-30:
#
#   `from_pretrained` without `torch_dtype` loads what diffusers itself has (transformer, VAE) in float32 whatever its files hold,
#   as its documentation says, and lets transformers load the text encoder, which takes the dtype of the file. A pipeline
#   whose text encoder was saved in bfloat16, as most large ones are, is mixed in silence: prompts are encoded in bfloat16, all
#   else runs in float32, and its pictures are not those of `torch_dtype=torch.float32` (below by 0.07 of 1; with a trained
#   Sana of 128 pixels two of sixteen pictures by 8 and 14 of 255). Saving and loading such a pipeline again keeps it so.
#
# Expected before it was tried: one dtype for all parts. It matters to whoever compares two servers by their seeds: name the
# dtype. Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Gemma2Config, Gemma2Model, PreTrainedTokenizerFast

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
folder = Path(sys.argv[1])
torch.manual_seed(0)

words = {word: place for place, word in enumerate(["<pad>", "<bos>", "<eos>", "<unk>", "a", "red", "circle", "blue", "square"])}
plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=plain, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
)
text_encoder = Gemma2Model(
    Gemma2Config(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
)
transformer = SanaTransformer2DModel(
    patch_size=1, in_channels=4, out_channels=4, num_layers=2, num_attention_heads=2, attention_head_dim=8,
    num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=16, sample_size=32,
)
vae = AutoencoderDC(
    in_channels=3, latent_channels=4, attention_head_dim=2,
    encoder_block_types=("ResBlock", "EfficientViTBlock"), decoder_block_types=("ResBlock", "EfficientViTBlock"),
    encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)),
    decoder_qkv_multiscales=((), (5,)), encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1),
    downsample_block_type="conv", upsample_block_type="interpolate", decoder_norm_types="rms_norm",
    decoder_act_fns="silu", scaling_factor=0.41407,
)
whole = {
    "tokenizer": tokenizer, "text_encoder": text_encoder, "vae": vae, "transformer": transformer,
    "scheduler": DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
}
SanaPipeline(**whole).to(torch.bfloat16).save_pretrained(folder / "model")  # all of it is bfloat16 in its files


def dtypes(pipeline: SanaPipeline) -> dict[str, str]:
    return {name: str(getattr(pipeline, name).dtype) for name in ("text_encoder", "transformer", "vae")}


def picture(pipeline: SanaPipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        "a red circle", num_inference_steps=8, guidance_scale=4.5, width=64, height=64, use_resolution_binning=False,
        complex_human_instruction=None, max_sequence_length=16, generator=torch.Generator().manual_seed(7), output_type="np",
    ).images[0]


unsaid = SanaPipeline.from_pretrained(folder / "model")
said = SanaPipeline.from_pretrained(folder / "model", torch_dtype=torch.float32)
unsaid.save_pretrained(folder / "again")
again = SanaPipeline.from_pretrained(folder / "again")
print("without a dtype:", dtypes(unsaid))
print("with float32:   ", dtypes(said))
print("saved, loaded:  ", dtypes(again))
one, other = picture(unsaid), picture(said)
print("largest difference of their pictures, of 1:", round(float(abs(one - other).max()), 5))
print(f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")

mixed = {"text_encoder": "torch.bfloat16", "transformer": "torch.float32", "vae": "torch.float32"}
if dtypes(unsaid) != mixed or dtypes(again) != mixed:
    sys.exit("The parts have one dtype now, or others than before.")
if set(dtypes(said).values()) != {"torch.float32"}:
    sys.exit("A dtype that is named does not hold for all parts any more.")
if np.array_equal(one, other) or not np.array_equal(other, picture(said)):
    sys.exit("The pictures are equal now, or not even those of one pipeline are.")
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
