#!/usr/bin/env bash
# Whose mask a picture gets when one call of diffusers 0.42.1 has several prompts and several pictures of each, seen 2026-11-29:
#
#   `prompt=[a, b], num_images_per_prompt=2` gives pictures in the order a, a, b, b. In many pipelines the embeddings are
#   laid out so, and the attention masks beside them a, b, a, b. The second picture of a short prompt then attends to its
#   padding, and the first of a long prompt to no more than the first words, as many as its neighbour has. No error, no
#   warning; the first and the last picture are right. Run below: Sana, Qwen-Image, Lumina 2 and LTX-Video (`num_videos_per_prompt`).
#   The same layout of masks stands in the pipelines of SANA-Sprint, SANA-Video, LTX-2, Mochi, HunyuanDiT, HunyuanVideo 1.5, HunyuanImage,
#   Qwen-Image-Edit and others (not run). PixArt-Sigma, below as a control, is right.
#
# Expected before it was tried: what the same prompts written out ([a, a, b, b], one picture of each) give from the same seeds.
# Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "tokenizers<1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import inspect
import sys
import warnings

import diffusers
import torch
from diffusers import (
    AutoencoderDC, AutoencoderKL, AutoencoderKLLTXVideo, AutoencoderKLQwenImage, FlowMatchEulerDiscreteScheduler,
    LTXPipeline, LTXVideoTransformer3DModel, Lumina2Pipeline, Lumina2Transformer2DModel, PixArtSigmaPipeline,
    PixArtTransformer2DModel, QwenImagePipeline, QwenImageTransformer2DModel, SanaPipeline, SanaTransformer2DModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
SHORT, LONG = "a fox", "a red fox sleeps under the old oak tree"
WIDTH, WORDS = 16, 12
kl = {"block_out_channels": (4,), "norm_num_groups": 1, "latent_channels": 4}


def text_parts():
    """A tokenizer of whole words and a T5 of random weights."""
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["<pad>", "<unk>", *LONG.split()])}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="<unk>")
    config = T5Config(vocab_size=len(words.get_vocab()), d_model=WIDTH, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return {"tokenizer": tokenizer, "text_encoder": T5EncoderModel(config).eval()}


def sana():
    transformer = SanaTransformer2DModel(
        in_channels=4, out_channels=4, num_layers=2, num_attention_heads=2, attention_head_dim=8, patch_size=1,
        num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=WIDTH,
    )
    two = (8, 8)
    vae = AutoencoderDC(
        latent_channels=4, encoder_block_types="ResBlock", decoder_block_types="ResBlock", encoder_block_out_channels=two,
        decoder_block_out_channels=two, encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1),
        encoder_qkv_multiscales=((), ()), decoder_qkv_multiscales=((), ()), downsample_block_type="conv",
        upsample_block_type="interpolate",
    )
    return SanaPipeline, transformer, vae, {"use_resolution_binning": False, "negative_prompt": None}


def qwen_image():
    transformer = QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=3,
        joint_attention_dim=WIDTH, axes_dims_rope=(8, 4, 4),
    )
    vae = AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )
    return QwenImagePipeline, transformer, vae, {}


def lumina2():
    transformer = Lumina2Transformer2DModel(
        sample_size=4, patch_size=2, in_channels=4, hidden_size=8, num_layers=2, num_attention_heads=1, num_kv_heads=1,
        multiple_of=16, axes_dim_rope=[4, 2, 2], cap_feat_dim=WIDTH,
    )
    return Lumina2Pipeline, transformer, AutoencoderKL(**kl), {}


def ltx():
    transformer = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, num_layers=2,
        caption_channels=WIDTH,
    )
    four, five = (8, 8, 8, 8), (1, 1, 1, 1, 1)
    vae = AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=four, decoder_block_out_channels=four, layers_per_block=five,
        decoder_layers_per_block=five,
    )
    return LTXPipeline, transformer, vae, {"num_frames": 9}


def pixart_sigma():
    transformer = PixArtTransformer2DModel(
        sample_size=8, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=2, in_channels=4,
        out_channels=8, cross_attention_dim=16, caption_channels=WIDTH, use_additional_conditions=False,
    )
    return PixArtSigmaPipeline, transformer, AutoencoderKL(**kl), {"use_resolution_binning": False}


def pictures(build):
    """Four latents, of two prompts twice and of four prompts once, and how far each is off."""
    torch.manual_seed(0)
    kind, transformer, vae, arguments = build()
    scheduler = FlowMatchEulerDiscreteScheduler()
    if kind is PixArtSigmaPipeline:
        scheduler = diffusers.DPMSolverMultistepScheduler()
    embeds_alone = kind in (QwenImagePipeline, Lumina2Pipeline)  # their encoders are larger: embeddings are handed over
    parts = {"tokenizer": None, "text_encoder": None} if embeds_alone else text_parts()
    pipeline = kind(transformer=transformer.eval(), vae=vae.eval(), scheduler=scheduler, **parts)
    pipeline.set_progress_bar_config(disable=True)
    takes = inspect.signature(kind.__call__).parameters
    count = "num_videos_per_prompt" if "num_videos_per_prompt" in takes else "num_images_per_prompt"
    arguments = arguments | ({"guidance_scale": 1.0} if kind is not QwenImagePipeline else {"true_cfg_scale": 1.0})
    if not embeds_alone:
        arguments |= {"max_sequence_length": WORDS}
    embeds, mask = torch.randn(2, WORDS, WIDTH), torch.ones(2, WORDS, dtype=torch.long)
    mask[0, 2:] = 0

    def call(each, number):
        given = {"prompt": [prompt for prompt in (SHORT, LONG) for _ in range(each)]}
        if embeds_alone:
            mask_name = "prompt_embeds_mask" if "prompt_embeds_mask" in takes else "prompt_attention_mask"
            given = {"prompt_embeds": embeds.repeat_interleave(each, 0), mask_name: mask.repeat_interleave(each, 0)}
        seeds = [torch.Generator().manual_seed(seed) for seed in range(4)]
        return pipeline(
            **given, **arguments, **{count: number}, height=32, width=32, num_inference_steps=4, output_type="latent",
            generator=seeds, return_dict=False,
        )[0]

    together, written_out = call(1, 2), call(2, 1)
    return [((a - b).norm() / b.norm()).item() for a, b in zip(together, written_out)]


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
as_seen = True
for build in (sana, qwen_image, lumina2, ltx, pixart_sigma):
    off = pictures(build)
    print(f"{build.__name__:13} off by", ", ".join(f"{part:.1%}" for part in off), "for the pictures short, short, long, long")
    wrong = [part > 1e-3 for part in off]
    as_seen &= wrong == ([False] * 4 if build is pixart_sigma else [False, True, True, False])
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
