#!/usr/bin/env bash
# What `WanAnimatePipeline` of diffusers 0.42.1 (torch 2.13.0) does with input that its own checks accept, seen 2026-11-30:
#
#   output_type="latent" of a clip of two segments: the latents of the second alone. They are scaled for the decoder already, unlike
#   those of the other Wan pipelines, and the frame of the reference picture, which is never decoded, comes first.
#   `image_embeds` in the place of `image`, as documented: AttributeError, as the size of the missing image is asked for. Both
#   together are refused, so nobody can give them.
#   A pose clip of just prev_segment_conditioning_frames frames (1 and 1, 5 and 5): no segment at all, and ValueError of an
#   empty torch.cat; with output_type="latent" None is returned. One frame where segments share 5: IndexError, the reflection
#   looks for a second one.
#   segment_frame_length=5 with prev_segment_conditioning_frames=5: ZeroDivisionError; 9 with 5: AssertionError, behind the
#   denoising of all segments.
#   A face clip of 5 frames beside poses of 9: played forward and back again, without a word; one of 13 is cut.
#
# Expected before it was tried: latents of the whole clip, as `output_type` says, and an error in words where clips do not fit. The
# farm refuses such lengths and clips that end too early, and keeps no latents of clips in segments.
# It installs these versions into a folder of its own, needs no GPU and no weights, and exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "ftfy==6.3.1" "accelerate==1.15.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanAnimatePipeline, WanAnimateTransformer3DModel
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.manual_seed(0)
DEVIATION = 2.0
pipeline = WanAnimatePipeline(
    tokenizer=None,
    text_encoder=None,
    vae=AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4, latents_std=[DEVIATION] * 4,
    ).eval(),
    transformer=WanAnimateTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=12, latent_channels=4,
        out_channels=4, text_dim=16, freq_dim=32, ffn_dim=32, num_layers=1, rope_max_seq_len=32, image_dim=16,
        added_kv_proj_dim=24, motion_encoder_channel_sizes={"4": 4, "8": 4, "16": 4}, motion_encoder_size=16,
        motion_style_dim=8, motion_dim=4, motion_encoder_dim=8, face_encoder_hidden_dim=8, face_encoder_num_heads=2,
        inject_face_latents_blocks=1,
    ).eval(),
    scheduler=UniPCMultistepScheduler(flow_shift=3.0, prediction_type="flow_prediction", use_flow_sigmas=True),
    image_processor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    image_encoder=CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16
        )
    ).eval(),
)
pipeline.set_progress_bar_config(disable=True)
forward, faces = pipeline.transformer.forward, []


def watched(*arguments, **named):
    faces.append(named["face_pixel_values"][0, 0, :, 0, 0])
    return forward(*arguments, **named)


pipeline.transformer.forward = watched
CHARACTER = Image.new("RGB", (32, 32), (200, 60, 30))


def clip(frames):
    return [Image.new("RGB", (32, 32), (15 * number, 90, 160)) for number in range(frames)]


def made(poses=9, face=None, **asked):
    faces.clear()
    asked = {"image": CHARACTER, "segment_frame_length": 5, "output_type": "latent"} | asked
    return pipeline(
        pose_video=clip(poses), face_video=clip(face or poses), width=32, height=32, num_inference_steps=2,
        prompt_embeds=torch.zeros(1, 512, 16), generator=torch.Generator().manual_seed(1), return_dict=False, **asked,
    )[0]


def raised(**asked):
    try:
        made(**asked)
    except BaseException as error:
        return type(error).__name__
    return None


steps = []
latents = made(callback_on_step_end=lambda _, step, time, told: steps.append(told["latents"].clone()) or {})
face = [round((value.item() + 1) * 127.5 / 15) for value in (made(face=5), torch.cat([faces[0], faces[2][1:]]))[1]]
cut = [round((value.item() + 1) * 127.5 / 15) for value in (made(face=13), torch.cat([faces[0], faces[2][1:]]))[1]]
embeds = torch.zeros(1, 5, 16)
checks = {
    "two segments of two steps were taken": len(steps) == 4,
    "the latents are those of one segment and of the reference picture": latents.shape == (1, 4, 3, 4, 4),
    "of the second one, scaled for the decoder": torch.allclose(latents, steps[-1] * DEVIATION),
    "nine frames come out as pixels": len(made(output_type="np")[0]) == 9,
    "image_embeds alone raise": raised(image=None, image_embeds=embeds) == "AttributeError",
    "image_embeds beside an image are refused": raised(image_embeds=embeds) == "ValueError",
    "one frame raises": raised(poses=1, output_type="np") == "ValueError",
    "or becomes None": made(poses=1) is None,
    "where segments share five it raises otherwise": raised(
        poses=1, segment_frame_length=13, prev_segment_conditioning_frames=5
    )
    == "IndexError",
    "as many frames as segments share raise": raised(
        poses=5, segment_frame_length=13, prev_segment_conditioning_frames=5, output_type="np"
    )
    == "ValueError",
    "segments of shared frames alone raise": raised(prev_segment_conditioning_frames=5) == "ZeroDivisionError",
    "segments of hardly more frames raise behind all steps": raised(
        poses=13, segment_frame_length=9, prev_segment_conditioning_frames=5
    )
    == "AssertionError"
    and len(faces) > 0,
    "a short face clip is played back and forth": face == [0, 1, 2, 3, 4, 3, 2, 1, 0],
    "a long one is cut": cut == list(range(9)),
}
for what, as_seen in checks.items():
    print("as seen " if as_seen else "DIFFERENT", what)
sys.exit(0 if all(checks.values()) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
