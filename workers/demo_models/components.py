"""The parts of the three demo models: the classes of the real models, a few hundred thousand weights each."""

from __future__ import annotations

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    SanaTransformer2DModel,
    SCMScheduler,
    UniPCMultistepScheduler,
    WanTransformer3DModel,
)
from transformers import Gemma2Config, Gemma2Model, UMT5Config, UMT5EncoderModel

WIDTH = 96
SANA_SHIFT = 3.0
WAN_SHIFT = 5.0


def gemma(vocabulary: int, layers: int = 2) -> Gemma2Model:
    """Sana's text encoder: two layers, or more, that read left to right."""
    return Gemma2Model(
        Gemma2Config(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=256,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=24,
            query_pre_attn_scalar=24,
            max_position_embeddings=1024,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def umt5(vocabulary: int) -> UMT5EncoderModel:
    """Wan's text encoder: two layers that read both ways.

    UMT5 begins with no idea of word order, and took 'a red circle on blue' for 'a blue circle on red' for as long
    as it was watched. So one head begins by looking back, one ahead and one near by; the rest it learns.
    """
    encoder = UMT5EncoderModel(
        UMT5Config(
            vocab_size=vocabulary,
            d_model=WIDTH,
            d_kv=24,
            d_ff=256,
            num_layers=2,
            num_heads=4,
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=2,
        )
    )
    distance = torch.arange(16.0)
    for block in encoder.encoder.block:
        # Rows 0 to 15: that many words back, the last ones coarser; rows 16 to 31: ahead. One column for each head.
        bias = block.layer[0].SelfAttention.relative_attention_bias.weight.data
        back, ahead = bias[:16], bias[16:]
        back[:, 0], ahead[:, 0] = -1.5 * distance, -12.0
        back[:, 1], ahead[:, 1] = -12.0, -1.5 * distance
        back[0, 1] = 0.0
        back[:, 2], ahead[:, 2] = -0.5 * distance, -0.5 * distance
    return encoder


def sana_transformer(*, sprint: bool = False) -> SanaTransformer2DModel:
    """Six linear-attention layers over latents of 16 channels; one token is 16 x 16 pixels.

    With `sprint` it also takes the guidance scale as an input, as a distilled model does.
    """
    return SanaTransformer2DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=4,
        attention_head_dim=24,
        num_layers=6,
        num_cross_attention_heads=4,
        cross_attention_head_dim=24,
        cross_attention_dim=WIDTH,
        caption_channels=WIDTH,
        mlp_ratio=2.5,
        sample_size=8,
        patch_size=1,
        interpolation_scale=1,
        guidance_embeds=sprint,
    )


def wan_transformer() -> WanTransformer3DModel:
    """Six layers over latents of 16 channels; one token is 16 x 16 pixels of four frames.

    Six heads, so that each direction in space and time can have one of its own.
    """
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=6,
        attention_head_dim=16,
        in_channels=16,
        out_channels=16,
        text_dim=WIDTH,
        freq_dim=64,
        ffn_dim=256,
        num_layers=6,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=64,
    )


def sana_scheduler() -> DPMSolverMultistepScheduler:
    """DPM-Solver++ on flow sigmas, as Sana ships it."""
    return DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=SANA_SHIFT)


def sprint_scheduler() -> SCMScheduler:
    """The consistency sampler of SANA-Sprint."""
    return SCMScheduler(prediction_type="trigflow", sigma_data=0.5)


def wan_scheduler() -> UniPCMultistepScheduler:
    """UniPC on flow sigmas, as Wan ships it."""
    return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=WAN_SHIFT)
