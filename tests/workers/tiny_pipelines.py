"""Tiny random weights in the real classes: what the engine's tests render with.

Random weights give no picture worth looking at, but every operation of the real models runs, at every dtype
and size.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKLLTX2Video,
    SanaControlNetModel,
    SanaControlNetPipeline,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
)
from transformers import (
    Gemma2Config,
    Gemma2Model,
)

from farm.catalog import ModelEntry
from farm.catalog.supported_features import ABILITIES
from tests.workers import tiny_wan
from tests.workers.tiny_tokenizer import WIDTH, tiny_tokenizer
from workers.denoising.samplers import build_sampler

TOKENS = 24  # max_sequence_length of the tiny models
#: Of this one, which counts those of its picture by what the prompt's 512 leave.
MORE_TOKENS = {"wan-animate": 512}
FLOW = ("dpm++-2m", "dpm++-2m-sde", "dpm++-singlestep", "unipc", "euler", "heun", "ddim")
WAN = ("wan", "wan-animate", "wan-i2v", "wan-flf2v", "wan-vace", "wan22", "wan22-i2v", "wan22-ti2v")
#: Models that differ from the others of their family in a part: their name here → the family.
VARIANTS = {"sana-video-720p": "sana-video"}
#: Frames that a latent frame stands for, where these are not four.
FRAME_MULTIPLES = {"sana-video-720p": 8}
#: Of each family (and variant), its own default first.
SAMPLERS = {
    "sana": FLOW,
    "sana-controlnet": FLOW,
    "sana-video": FLOW,
    "sana-video-720p": FLOW,
    "sprint": ("scm",),
    **dict.fromkeys(WAN, ("unipc", *(name for name in FLOW if name != "unipc"))),
}
STEPS = {"sana": 4, "sana-controlnet": 3, "sana-video": 3, "sana-video-720p": 3, "sprint": 2}
STEPS |= {name: 4 if ABILITIES[name].two_experts else 3 for name in WAN}
CLIPS = ("sana-video", "sana-video-720p", *WAN)


def family_of(name: str) -> str:
    """The family of a tiny model."""
    return VARIANTS.get(name, name)


def build(family: str, *, sample_size: int = 2) -> Any:
    """A pipeline of that family with random weights that are the same each time, float32, on the CPU."""
    torch.manual_seed(7)
    makers = {
        "sana": _sana,
        "sana-controlnet": _sana_controlnet,
        "sana-video": _sana_video,
        "sana-video-720p": _sana_video_720p,
        "sprint": _sprint,
        "wan": tiny_wan.wan,
        "wan-animate": tiny_wan.wan_animate,
        "wan-i2v": tiny_wan.wan_i2v,
        "wan-flf2v": tiny_wan.wan_flf2v,
        "wan-vace": tiny_wan.wan_vace,
        "wan22": tiny_wan.wan22,
        "wan22-i2v": tiny_wan.wan22_i2v,
        "wan22-ti2v": tiny_wan.wan22_ti2v,
    }
    pipeline = makers[family](sample_size)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save(family: str, folder: Path, **sizes: int) -> Path:
    """Write it as a folder that `from_pretrained` reads."""
    build(family, **sizes).save_pretrained(folder, safe_serialization=True)
    return folder


def entry(family: str, folder: Path | str = "/nowhere", **changes: Any) -> ModelEntry:
    """The catalog entry of a tiny model."""
    size = (32, 32)
    multiple = FRAME_MULTIPLES.get(family, 4)
    clip = {"num_frames": 1 + multiple, "fps": 8} if family in CLIPS else {}
    clip |= {"segment_frame_length": 5, "prev_segment_conditioning_frames": 1} if family == "wan-animate" else {}
    values: dict[str, Any] = {
        "name": f"tiny-{family}",
        "title": "Tiny",
        "family": family_of(family),
        "source": {"path": str(folder)},
        "precision": "fp32",
        "dtype": {"default": "float32"},
        "size_multiple": ABILITIES[family_of(family)].multiple,
        "frame_multiple": multiple,
        "sizes": [size],
        "limits": {
            "width": (16, 1024),
            "height": (16, 1024),
            "max_pixels": 1024 * 1024,
            **({"frames": (1, 17)} if clip else {}),
            "steps": (1, 4) if family == "sprint" else (1, 60),
            "guidance": (1.0, 20.0),
            "prompt_chars": 300,
        },
        "defaults": {
            "width": size[0],
            "height": size[1],
            "num_inference_steps": STEPS[family],
            "guidance_scale": 4.5,
            "sampler": SAMPLERS[family][0],
            **clip,
        },
        "samplers": list(SAMPLERS[family]),
        "flow_shift": None if family == "sprint" else 3.0,
        "max_sequence_length": MORE_TOKENS.get(family, TOKENS),
        "memory_gb": 0.1,
        "seconds_per_step_megapixel": 1.0,
    }
    return ModelEntry.model_validate(values | changes)


def _gemma() -> Gemma2Model:
    return Gemma2Model(
        Gemma2Config(
            vocab_size=300,
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            query_pre_attn_scalar=8,
            max_position_embeddings=4096,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def _sana_vae() -> AutoencoderDC:
    """Three stages: one latent cell is 4 x 4 pixels."""
    return AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=4,
        encoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(4, 4, 8),
        decoder_block_out_channels=(4, 4, 8),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        encoder_qkv_multiscales=((), (), ()),
        decoder_qkv_multiscales=((), (), ()),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )


def _sana_transformer(sample_size: int, *, sprint: bool = False) -> SanaTransformer2DModel:
    return SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=WIDTH,
        sample_size=sample_size,
        patch_size=1,
        guidance_embeds=sprint,
        # A number that is no power of two: a wrong scale then shows.
        guidance_embeds_scale=0.1,
        qk_norm="rms_norm_across_heads" if sprint else None,
        timestep_scale=1.0 if not sprint else 1000.0,
    )


def _sana(sample_size: int) -> SanaPipeline:
    return SanaPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=_sana_vae().eval(),
        transformer=_sana_transformer(sample_size).eval(),
        scheduler=build_sampler("dpm++-2m", flow_shift=3.0),
    )


def _sprint(sample_size: int) -> SanaSprintPipeline:
    return SanaSprintPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=_sana_vae().eval(),
        transformer=_sana_transformer(sample_size, sprint=True).eval(),
        scheduler=build_sampler("scm", flow_shift=1.0),
    )


def _sana_controlnet(sample_size: int) -> SanaControlNetPipeline:
    controlnet = SanaControlNetModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=WIDTH,
        sample_size=sample_size,
    )
    for blocks in (controlnet.controlnet_blocks, controlnet.input_block):  # they start at zero, and would add nothing
        for weights in blocks.parameters():
            torch.nn.init.normal_(weights, std=0.3)
    return SanaControlNetPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=_sana_vae().eval(),
        transformer=_sana_transformer(sample_size).eval(),
        controlnet=controlnet.eval(),
        scheduler=build_sampler("dpm++-2m", flow_shift=3.0),
    )


def _sana_video_720p(_sample_size: int) -> SanaVideoPipeline:
    """With LTX2's autoencoder: a latent cell is 8 frames of 8 x 8 pixels (32 x 32 in the published one)."""
    vae = AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 8, 8),
        down_block_types=("LTX2VideoDownBlock3D",) * 3,
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True,) * 3,
        decoder_spatio_temporal_scaling=(True,) * 3,
        decoder_inject_noise=(False,) * 4,
        downsample_type=("spatiotemporal",) * 3,
        upsample_type=("spatiotemporal",) * 3,
        upsample_residual=(True,) * 3,
        upsample_factor=(2, 2, 2),
        patch_size=1,
        decoder_causal=False,
        spatial_compression_ratio=8,
        temporal_compression_ratio=8,
    )
    vae.latents_mean.copy_(torch.linspace(-0.3, 0.4, 8))
    vae.latents_std.copy_(torch.linspace(0.8, 1.7, 8))
    pipeline = _sana_video(_sample_size)
    config = dict(pipeline.transformer.config) | {"in_channels": 8, "out_channels": 8, "patch_size": (1, 1, 1)}
    transformer = SanaVideoTransformer3DModel.from_config(config).eval()
    return SanaVideoPipeline(**{**pipeline.components, "vae": vae.eval(), "transformer": transformer})


def _sana_video(_sample_size: int) -> SanaVideoPipeline:
    return SanaVideoPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=tiny_wan.wan_vae().eval(),
        transformer=SanaVideoTransformer3DModel(
            in_channels=16,
            out_channels=16,
            num_attention_heads=2,
            attention_head_dim=12,
            num_layers=2,
            num_cross_attention_heads=2,
            cross_attention_head_dim=12,
            cross_attention_dim=24,
            caption_channels=WIDTH,
            rope_max_seq_len=32,
        ).eval(),
        scheduler=build_sampler("dpm++-2m", flow_shift=8.0),
    )
