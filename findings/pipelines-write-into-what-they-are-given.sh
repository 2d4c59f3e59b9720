#!/usr/bin/env bash
# What becomes of prompts, noise and latents that a caller still has (diffusers 0.42.1, transformers 5.23.0, torch 2.13.0), seen 2026-11-30:
#
#   1. Z-Image (all five pipelines, and the modular one), `prompt=[…]`, as a server renders batches: each prompt of the caller's list becomes what
#      the chat template makes of it. Rendered again from that list, with the same seed, it is another picture, with the template twice,
#      then three times; so is a retry, the next cell of a grid, and what is written beside the picture as its prompt. A single
#      string is left alone. (Seen in its authors' repository, Tongyi-MAI/Z-Image issue 99.)
#   2. Kandinsky 5 (text to video below; image to video and image to image have the same line), `latents=noise`, documented for "the same
#      generation with different prompts": each step is made in that tensor, if dtype and device are the model's. After the call the
#      caller's noise is the finished clip, and the second prompt begins from the first one's.
#   3. There and in SkyReels-V2 with diffusion forcing `callback_on_step_end` is given one tensor at all steps. Who keeps it, as a checkpoint
#      to go on from or a preview to decode later, has the last step under the names of the earlier ones.
#   No error, no warning. Wan (the control) makes a new tensor at each step.
#
# Expected before it was tried: prompts and noise as they were, and the latents of that step. Hand over copies, and keep copies. Tiny models
# of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import tokenizers
import torch
import transformers
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2Transformer3DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
    ZImagePipeline,
)
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
torch.manual_seed(0)
torch.set_grad_enabled(False)
found = {}
LIKE_WAN = dict(
    patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16, text_dim=16, freq_dim=16,
    ffn_dim=32, num_layers=2, rope_max_seq_len=32,
)
words, nothing = torch.randn(1, 8, 16), torch.randn(1, 8, 16)
vae = AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True])


def flow():
    return UniPCMultistepScheduler(flow_shift=8, use_flow_sigmas=True, prediction_type="flow_prediction")


kandinsky = Kandinsky5T2VPipeline(
    transformer=Kandinsky5Transformer3DModel(
        in_visual_dim=4, out_visual_dim=4, in_text_dim=16, in_text_dim2=16, time_dim=16, model_dim=24, ff_dim=32, num_text_blocks=1,
        num_visual_blocks=2, axes_dims=(4, 4, 4),
    ).eval(),
    vae=None, text_encoder=None, tokenizer=None, text_encoder_2=None, tokenizer_2=None,
    scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
)
wan = WanPipeline(tokenizer=None, text_encoder=None, vae=vae, transformer=WanTransformer3DModel(**LIKE_WAN).eval(), scheduler=flow())
skyreels = SkyReelsV2DiffusionForcingPipeline(
    tokenizer=None, text_encoder=None, vae=vae, transformer=SkyReelsV2Transformer3DModel(**LIKE_WAN).eval(), scheduler=flow()
)
LIKE = dict(prompt=None, height=64, width=64, num_frames=9, num_inference_steps=3, guidance_scale=1.0, output_type="latent")


def kandinsky_clip(**more):
    told = {"prompt_embeds_qwen": words, "prompt_embeds_clip": words[:, 0], "prompt_cu_seqlens": torch.tensor([0, 8], dtype=torch.int32)}
    return kandinsky(**LIKE, **told, **more).frames


def wan_clip(**more):
    return wan(**LIKE, prompt_embeds=words, negative_prompt_embeds=nothing, **more).frames


def skyreels_clip(**more):
    return skyreels(**LIKE, prompt_embeds=words, negative_prompt_embeds=nothing, base_num_frames=9, **more).frames


def kept(render):
    """Of the latents that a callback keeps: as many different ones as steps, or how many."""
    history = []

    def keep(pipeline, step, timestep, tensors):
        history.append(tensors["latents"])
        return {}

    render(callback_on_step_end=keep, callback_on_step_end_tensor_inputs=["latents"], generator=torch.Generator().manual_seed(3))
    different = 1 + sum(not any(torch.equal(one, other) for other in history[:place]) for place, one in enumerate(history) if place)
    return f"{different} of {len(history)}"


def given_twice(render, shape):
    """Whether the noise is as it was, is what was rendered, and gives the same clip a second time."""
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    before = noise.clone()
    first = render(latents=noise).clone()
    unchanged, is_the_clip = torch.equal(noise, before), torch.equal(noise, first)
    return unchanged, is_the_clip, torch.equal(render(latents=noise), first), torch.equal(render(latents=before), first)


def prompts_twice():
    """The prompts of a list after one and two renders of it, and whether the second reads as the first."""
    letters = {letter: place for place, letter in enumerate(["<pad>", "?", *"abcdefghijklmnopqrstuvwxyz []"])}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(letters, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>")
    tokenizer.chat_template = "{% for message in messages %}[{{ message['content'] }}]{% endfor %}"
    encoder = Qwen3Model(Qwen3Config(
        vocab_size=len(letters), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        head_dim=8,
    )).eval()
    z_image = ZImagePipeline(scheduler=FlowMatchEulerDiscreteScheduler(), vae=None, text_encoder=encoder, tokenizer=tokenizer, transformer=None)
    prompts, states, read = ["a cat", "a dog"], [], []
    for _ in range(2):
        read.append(z_image.encode_prompt(prompts, device="cpu", do_classifier_free_guidance=False, max_sequence_length=32)[0])
        states.append(list(prompts))
    return *states, all(one.shape == other.shape and torch.equal(one, other) for one, other in zip(*read))


found["Z-Image: prompts after one and two renders, read the same"] = prompts_twice()
for pipeline in (kandinsky, wan, skyreels):
    pipeline.set_progress_bar_config(disable=True)
found["Kandinsky 5: noise"] = given_twice(kandinsky_clip, (1, 3, 8, 8, 4))
found["Wan: noise"] = given_twice(wan_clip, (1, 16, 3, 8, 8))
for name, render in {"Kandinsky 5": kandinsky_clip, "SkyReels-V2": skyreels_clip, "Wan": wan_clip}.items():
    found[f"{name}: different latents that a callback kept"] = kept(render)

expected = {
    "Z-Image: prompts after one and two renders, read the same": (["[a cat]", "[a dog]"], ["[[a cat]]", "[[a dog]]"], False),
    "Kandinsky 5: noise": (False, True, False, True),
    "Wan: noise": (True, False, True, True),
    "Kandinsky 5: different latents that a callback kept": "1 of 3",
    "SkyReels-V2: different latents that a callback kept": "1 of 3",
    "Wan: different latents that a callback kept": "3 of 3",
}
print(f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}; noise: unchanged, is the clip, again the same, a copy the same")
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
