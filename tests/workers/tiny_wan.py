"""Tiny random weights in the real classes of Wan 2.1 and 2.2."""

from typing import Any

import torch
from diffusers import (
    AutoencoderKLWan,
    WanAnimatePipeline,
    WanAnimateTransformer3DModel,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from tests.workers.tiny_tokenizer import WIDTH, tiny_tokenizer
from workers.denoising.samplers import build_sampler

#: Of the models with two experts: at four steps and a shift of 3 each has two.
BOUNDARY = 0.875
_SIZES: dict[str, Any] = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 16,
    "out_channels": 16,
    "text_dim": WIDTH,
    "freq_dim": 16,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}


def wan(_sample_size: int) -> WanPipeline:
    return WanPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=wan_vae().eval(),
        transformer=_wan_transformer().eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
    )


def wan22(_sample_size: int) -> WanPipeline:
    return WanPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=wan_vae().eval(),
        transformer=_wan_transformer().eval(),
        transformer_2=_wan_transformer().eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
        boundary_ratio=BOUNDARY,
    )


def wan22_i2v(_sample_size: int) -> WanImageToVideoPipeline:
    return WanImageToVideoPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=wan_vae().eval(),
        transformer=_wan_transformer(in_channels=16 + 4 + 16).eval(),
        transformer_2=_wan_transformer(in_channels=16 + 4 + 16).eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
        boundary_ratio=BOUNDARY,
    )


def wan22_ti2v(_sample_size: int) -> WanPipeline:
    channels = 8
    return WanPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        # The kind with residual blocks over patches of 2 x 2 pixels: a latent cell is 16 x 16 of them.
        vae=AutoencoderKLWan(
            base_dim=4,
            decoder_base_dim=8,
            z_dim=channels,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.1 * channel for channel in range(channels)],
            latents_std=[1.0 + 0.1 * channel for channel in range(channels)],
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
        ).eval(),
        transformer=_wan_transformer(in_channels=channels, out_channels=channels).eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
        expand_timesteps=True,
    )


def wan_i2v(_sample_size: int, **changes: Any) -> WanImageToVideoPipeline:
    return WanImageToVideoPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=wan_vae().eval(),
        image_processor=_clip_processor(),
        image_encoder=_clip().eval(),
        # Beside the noise: 4 channels that say which frames are given, and the latents of the picture.
        transformer=_wan_transformer(in_channels=16 + 4 + 16, image_dim=16, added_kv_proj_dim=24, **changes).eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
    )


def wan_flf2v(_sample_size: int) -> WanImageToVideoPipeline:
    """Tokens of two pictures, of four patches and one more each, with places of their own."""
    pipeline = wan_i2v(_sample_size, pos_embed_seq_len=2 * 5)
    torch.nn.init.normal_(pipeline.transformer.condition_embedder.image_embedder.pos_embed)  # it starts at zero
    return pipeline


def wan_vace(_sample_size: int) -> WanVACEPipeline:
    """Of its three blocks the first and the last are added to."""
    return WanVACEPipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=wan_vae().eval(),
        transformer=WanVACETransformer3DModel(**_SIZES | {"num_layers": 3, "vace_layers": [0, 2]}).eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
    )


def wan_animate(_sample_size: int) -> WanAnimatePipeline:
    """Behind the first and the third of its four blocks it looks at a face of 16 x 16 pixels."""
    transformer = WanAnimateTransformer3DModel(
        **_SIZES | {"num_layers": 4, "in_channels": 16 + 4 + 16},
        latent_channels=16,
        image_dim=16,
        added_kv_proj_dim=24,
        motion_encoder_channel_sizes={"4": 6, "8": 6, "16": 4},
        motion_encoder_size=16,
        motion_style_dim=8,
        motion_dim=4,
        motion_encoder_dim=8,
        face_encoder_hidden_dim=12,
        face_encoder_num_heads=2,
        inject_face_latents_blocks=2,
        motion_encoder_batch_size=4,
    )
    torch.nn.init.normal_(transformer.face_encoder.padding_tokens)  # it starts at zero
    return WanAnimatePipeline(
        tokenizer=tiny_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=wan_vae().eval(),
        image_processor=_clip_processor(),
        image_encoder=_clip().eval(),
        transformer=transformer.eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
    )


def _clip_processor() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def _clip() -> CLIPVisionModel:
    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=16,
        )
    )


def _umt5() -> UMT5EncoderModel:
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=300,
            d_model=WIDTH,
            d_kv=8,
            d_ff=32,
            num_layers=1,
            num_heads=2,
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=2,
        )
    )


def wan_vae() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


def _wan_transformer(**changes: Any) -> WanTransformer3DModel:
    return WanTransformer3DModel(**_SIZES | changes)
