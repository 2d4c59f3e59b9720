#!/usr/bin/env bash
# What is left of a prompt beside a longer one in Kandinsky 5 (diffusers 0.42.1, transformers 5.23.0, torch 2.13.0), seen 2026-11-30:
#
#   `prompt=[a, b]` renders two customers' prompts in one call. Both are brought to the length of the longer one.
#   1. If b is longer than `max_sequence_length` (512 tokens), what is beyond is cut off b, and a is cut too: of a, the padding in those places is
#      read as text, `<|endoftext|>` for each token that b has too many, and as many letters are taken off a's own end, 13 a token. Ten
#      tokens too many of a stranger take 120 letters of a's prompt; with some more nothing of it is left, and then
#      of the instruction before it. A warning says that `<|endoftext|><|endoftext|>…` was removed. b is cut as alone.
#   2. If b is longer, within the limit, a looks at its own padding, as nothing is masked, and is another clip than alone: below by a quarter of
#      what another prompt would make of it. The lengths are computed (`prompt_cu_seqlens`, an argument, too), and none but the largest is
#      used. No warning. The longer one is as alone.
#   Run: text to video, and 1 with image to video and text to image. Image to image has the same lines (not run).
#
# Expected before it was tried: each prompt as alone. Render one prompt a call. Tiny models of random weights, a Qwen2 in place of Qwen2.5-VL,
# and its tokenizer with single bytes. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "safetensors==0.8.0" "accelerate==1.15.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
import transformers
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5I2VPipeline,
    Kandinsky5T2IPipeline,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, Qwen2Config, Qwen2Model, Qwen2Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
LIMIT = 64
SHORT = "a red fox in the snow, at dawn, seen from afar"
LONG = "a harbour with boats at night, lights on water, fog"

letters = {letter: number for number, letter in enumerate(bytes_to_unicode().values())}
tokenizer = Qwen2Tokenizer(vocab=letters, merges=[], additional_special_tokens=["<|im_start|>", "<|im_end|>"])
TOKENS = len(tokenizer)


def processor(text, images, videos, **options):
    """What Qwen2.5-VL's processor is without pictures: its tokenizer."""
    return tokenizer(text, **options)


processor.decode = tokenizer.decode


def new_pipeline(kind):
    torch.manual_seed(0)
    sizes = {"vocab_size": TOKENS, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=4, out_visual_dim=4, in_text_dim=24, in_text_dim2=12, time_dim=16, model_dim=32, ff_dim=64,
        num_text_blocks=1, num_visual_blocks=2, axes_dims=(4, 6, 6),
    ).eval()  # fmt: skip
    for weights in transformer.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, std=0.1)
    text_encoder = Qwen2Model(Qwen2Config(hidden_size=24, num_key_value_heads=2, **sizes)).eval()
    clip = CLIPTextModel(CLIPTextConfig(hidden_size=12, eos_token_id=tokenizer.eos_token_id, **sizes)).eval()
    pipeline = kind(transformer, None, text_encoder, processor, clip, tokenizer, FlowMatchEulerDiscreteScheduler())
    pipeline.set_progress_bar_config(disable=True)
    before_prompt = pipeline.prompt_template.split("{}")[0]
    pipeline.prompt_template_encode_start_idx = len(tokenizer(before_prompt)["input_ids"])  # as this tokenizer counts
    return pipeline


def render(*prompts):
    latents = torch.randn(1, 2, 8, 8, 4, generator=torch.Generator().manual_seed(1)).repeat(len(prompts), 1, 1, 1, 1)
    return new_pipeline(Kandinsky5T2VPipeline)(
        prompt=list(prompts), latents=latents, num_inference_steps=3, guidance_scale=1.0, height=64, width=64, num_frames=5,
        max_sequence_length=LIMIT, output_type="latent",
    ).frames  # fmt: skip


@torch.no_grad()
def asked(kind, *prompts):
    """What the text encoder is asked for each prompt, without the instruction before it and the padding."""
    pipeline, seen = new_pipeline(kind), []
    pipeline.text_encoder.register_forward_pre_hook(lambda _, args, options: seen.append(options["input_ids"]), with_kwargs=True)
    pipeline.encode_prompt(list(prompts), max_sequence_length=LIMIT)
    start = pipeline.prompt_template_encode_start_idx
    return [tokenizer.decode(ids[start:]).replace("<|endoftext|>", "") for ids in seen[0]]


def off(one, other):
    return ((one - other).norm() / other.norm()).item()


print(f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
as_seen = True
for kind in (Kandinsky5T2VPipeline, Kandinsky5I2VPipeline, Kandinsky5T2IPipeline):
    (alone,) = asked(kind, SHORT)
    print(f"{kind.__name__}: {alone!r}")
    for beyond, neighbour in {beyond: "b" * (LIMIT - 1 + beyond) for beyond in (0, 1, 2, 4)}.items():
        left, long = asked(kind, SHORT, neighbour)
        print(f"  beside one of {beyond} tokens too many: {left!r}")
        as_seen &= left == alone[: len(alone) - 13 * beyond] and [long] == asked(kind, neighbour)

alone, longer, (beside, longer_beside) = render(SHORT), render(LONG), render(SHORT, LONG)
share, longer_off = off(beside, alone[0]) / off(longer, alone), off(longer_beside, longer[0])
print(f"beside a longer prompt within the limit: {share:.2f} of the way to that one's clip; the longer one off by {longer_off:.7f}")
as_seen &= asked(Kandinsky5T2VPipeline, SHORT, LONG)[0] == asked(Kandinsky5T2VPipeline, SHORT)[0]
sys.exit(not (as_seen and share > 0.05 and longer_off < 1e-5))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
