"""Tiny random weights in the real classes: what the engine's tests render with.

Random weights give no picture worth looking at, but every operation of the real models runs, at every dtype
and size.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKLWan,
    SanaControlNetModel,
    SanaControlNetPipeline,
    SanaPipeline,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    Gemma2Config,
    Gemma2Model,
    PreTrainedTokenizerFast,
    UMT5Config,
    UMT5EncoderModel,
)

from farm.catalog import ModelEntry
from farm.catalog.supported_features import ABILITIES
from workers.denoising.samplers import build_sampler

WIDTH = 16  # of text embeddings
TOKENS = 24  # max_sequence_length of the tiny models
FLOW = ("dpm++-2m", "dpm++-2m-sde", "dpm++-singlestep", "unipc", "euler", "heun", "ddim")
WAN = ("wan", "wan-i2v", "wan-flf2v", "wan22", "wan22-i2v", "wan22-ti2v")
#: Of each family, its own default first.
SAMPLERS = {
    "sana": FLOW,
    "sana-controlnet": FLOW,
    "sana-video": FLOW,
    "sprint": ("scm",),
    **dict.fromkeys(WAN, ("unipc", *(name for name in FLOW if name != "unipc"))),
}
STEPS = {"sana": 4, "sana-controlnet": 3, "sana-video": 3, "sprint": 2}
STEPS |= {name: 4 if ABILITIES[name].two_experts else 3 for name in WAN}
CLIPS = ("sana-video", *WAN)
#: Of the models with two experts: at four steps and a shift of 3 each has two.
BOUNDARY = 0.875


def build(family: str, *, sample_size: int = 2) -> Any:
    """A pipeline of that family with random weights that are the same each time, float32, on the CPU."""
    torch.manual_seed(7)
    makers = {
        "sana": _sana,
        "sana-controlnet": _sana_controlnet,
        "sana-video": _sana_video,
        "sprint": _sprint,
        "wan": _wan,
        "wan-i2v": _wan_i2v,
        "wan-flf2v": _wan_flf2v,
        "wan22": _wan22,
        "wan22-i2v": _wan22_i2v,
        "wan22-ti2v": _wan22_ti2v,
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
    clip = {"num_frames": 5, "fps": 8} if family in CLIPS else {}
    values: dict[str, Any] = {
        "name": f"tiny-{family}",
        "title": "Tiny",
        "family": family,
        "source": {"path": str(folder)},
        "precision": "fp32",
        "dtype": {"default": "float32"},
        "size_multiple": ABILITIES[family].multiple,
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
        "max_sequence_length": TOKENS,
        "memory_gb": 0.1,
        "seconds_per_step_megapixel": 1.0,
    }
    return ModelEntry.model_validate(values | changes)


def _tokenizer(*, ends_with_eos: bool) -> PreTrainedTokenizerFast:
    """Bytes are tokens: it knows every text and needs no training."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<bos>", "<eos>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>" if ends_with_eos else "<bos> $A", special_tokens=[("<bos>", 1), ("<eos>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        padding_side="right",
    )


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
        tokenizer=_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=_sana_vae().eval(),
        transformer=_sana_transformer(sample_size).eval(),
        scheduler=build_sampler("dpm++-2m", flow_shift=3.0),
    )


def _sprint(sample_size: int) -> SanaSprintPipeline:
    return SanaSprintPipeline(
        tokenizer=_tokenizer(ends_with_eos=False),
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
        tokenizer=_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=_sana_vae().eval(),
        transformer=_sana_transformer(sample_size).eval(),
        controlnet=controlnet.eval(),
        scheduler=build_sampler("dpm++-2m", flow_shift=3.0),
    )


def _sana_video(_sample_size: int) -> SanaVideoPipeline:
    return SanaVideoPipeline(
        tokenizer=_tokenizer(ends_with_eos=False),
        text_encoder=_gemma().eval(),
        vae=_wan_vae().eval(),
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


def _wan(_sample_size: int) -> WanPipeline:
    return WanPipeline(
        tokenizer=_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=_wan_vae().eval(),
        transformer=_wan_transformer().eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
    )


def _wan22(_sample_size: int) -> WanPipeline:
    return WanPipeline(
        tokenizer=_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=_wan_vae().eval(),
        transformer=_wan_transformer().eval(),
        transformer_2=_wan_transformer().eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
        boundary_ratio=BOUNDARY,
    )


def _wan22_i2v(_sample_size: int) -> WanImageToVideoPipeline:
    return WanImageToVideoPipeline(
        tokenizer=_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=_wan_vae().eval(),
        transformer=_wan_transformer(in_channels=16 + 4 + 16).eval(),
        transformer_2=_wan_transformer(in_channels=16 + 4 + 16).eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
        boundary_ratio=BOUNDARY,
    )


def _wan22_ti2v(_sample_size: int) -> WanPipeline:
    channels = 8
    return WanPipeline(
        tokenizer=_tokenizer(ends_with_eos=True),
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


def _wan_i2v(_sample_size: int, **changes: Any) -> WanImageToVideoPipeline:
    return WanImageToVideoPipeline(
        tokenizer=_tokenizer(ends_with_eos=True),
        text_encoder=_umt5().eval(),
        vae=_wan_vae().eval(),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        image_encoder=CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                image_size=32,
                patch_size=16,
            )
        ).eval(),
        # Beside the noise: 4 channels that say which frames are given, and the latents of the picture.
        transformer=_wan_transformer(in_channels=16 + 4 + 16, image_dim=16, added_kv_proj_dim=24, **changes).eval(),
        scheduler=build_sampler("unipc", flow_shift=3.0),
    )


def _wan_flf2v(_sample_size: int) -> WanImageToVideoPipeline:
    """Tokens of two pictures, of four patches and one more each, with places of their own."""
    pipeline = _wan_i2v(_sample_size, pos_embed_seq_len=2 * 5)
    torch.nn.init.normal_(pipeline.transformer.condition_embedder.image_embedder.pos_embed)  # it starts at zero
    return pipeline


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


def _wan_vae() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


def _wan_transformer(**changes: Any) -> WanTransformer3DModel:
    values: dict[str, Any] = {
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
    return WanTransformer3DModel(**values | changes)
