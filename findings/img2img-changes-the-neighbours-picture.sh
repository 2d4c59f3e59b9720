#!/usr/bin/env bash
# Whose picture is changed when one call of diffusers 0.42.1 has several prompts, a picture for each and several results of each,
# seen 2026-11-29:
#
#   `prompt=[a, b], image=[A, B], num_images_per_prompt=2` gives results in the order a, a, b, b. The pictures to start from are
#   laid out A, B, A, B: the second result of prompt a is made of picture B, and the first of prompt b of picture A. The first and
#   the last are right. With inpainting the masks are A, B, A, B as well, so that the wrong part of the wrong picture is
#   painted. No error, no warning. Run below: image to image of Stable Diffusion and SDXL, inpainting of SDXL. The same lines
#   (`torch.cat([image_latents] * …)`, `mask.repeat(…)`) stand in those of SD3, Flux, Kolors, Chroma, Z-Image and Qwen-Image, and in
#   the ControlNet and PAG forms (not run).
#
# Expected before it was tried: what the same pairs written out (a, a, b, b with A, A, B, B, one result of each) give from the
# same seeds. Write them out, then. Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
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
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.manual_seed(0)
prompts, pooled, noise = torch.randn(2, 5, 32), torch.randn(2, 16), torch.randn(4, 4, 16, 16)
pictures = torch.rand(2, 3, 32, 32)
masks = torch.zeros(2, 1, 32, 32)
masks[0, ..., :16] = masks[1, ..., 16:] = 1


vae = AutoencoderKL(
    block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    norm_num_groups=1, latent_channels=4,
)
with torch.no_grad():  # what it encodes has no chance in it
    vae.quant_conv.weight[4:], vae.quant_conv.bias[4:] = 0, -30
UNET = {
    "sample_size": 8, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4, "cross_attention_dim": 32,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
}
xl_unet = UNet2DConditionModel(
    **UNET, attention_head_dim=(2, 4), transformer_layers_per_block=(1, 1), use_linear_projection=True,
    addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 16,
)
xl = {**dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")), "unet": xl_unet, "vae": vae}
pipelines = {
    "Stable Diffusion, image to image": StableDiffusionImg2ImgPipeline(
        text_encoder=None, tokenizer=None, unet=UNet2DConditionModel(**UNET, attention_head_dim=2), vae=vae,
        scheduler=EulerDiscreteScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ),
    "SDXL, image to image": StableDiffusionXLImg2ImgPipeline(**xl, scheduler=EulerDiscreteScheduler()),
    "SDXL, inpainting": StableDiffusionXLInpaintPipeline(**xl, scheduler=EulerDiscreteScheduler()),
}


def rendered(pipeline, words, pixels, each):
    """`each` results of these prompts and pictures (with their masks), as places in the lists; the seeds are 0, 1, 2, 3."""
    more = {} if isinstance(pipeline, StableDiffusionImg2ImgPipeline) else {"pooled_prompt_embeds": pooled[words]}
    if isinstance(pipeline, StableDiffusionXLInpaintPipeline):
        more |= {"mask_image": masks[pixels], "latents": noise, "height": 32, "width": 32}
    seeds = [torch.Generator().manual_seed(seed) for seed in range(4)]
    return pipeline(
        prompt_embeds=prompts[words], image=pictures[pixels], num_images_per_prompt=each, generator=seeds,
        guidance_scale=1.0, num_inference_steps=4, strength=0.5, output_type="latent", **more,
    ).images


def same(one, other):
    return [torch.allclose(a, b, atol=1e-4) for a, b in zip(one, other)]


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
as_seen = True
in_order, in_turn = [0, 0, 1, 1], [0, 1, 0, 1]
for name, pipeline in pipelines.items():
    pipeline.set_progress_bar_config(disable=True)
    both = rendered(pipeline, [0, 1], [0, 1], 2)
    right = same(both, rendered(pipeline, in_order, in_order, 1))
    other = same(both, rendered(pipeline, in_order, in_turn, 1))
    print(f"  {name}: as its own pair {right}; as prompts a, a, b, b with pictures A, B, A, B {other}")
    as_seen &= right == [True, False, False, True] and other == [True] * 4
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
