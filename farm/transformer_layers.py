"""The layers of a transformer that a LoRA can change, worked out from its config: no torch is needed.

The names are those of diffusers' modules, the shapes those of their weights (torch: outputs first). A test builds each
shipped architecture and compares every name and shape.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

Config = Mapping[str, Any]
#: Width of the sinusoids that Sana's timesteps are embedded from (diffusers' `Timesteps(num_channels=256)`).
_SINUSOIDS = 256


@dataclass(frozen=True)
class Layer:
    """A linear layer (two sides) or a convolution (outputs, inputs, kernel): the shape of its weight."""

    shape: tuple[int, ...]
    groups: int = 1


def layers_of(config: Config) -> dict[str, Layer] | None:
    """Every linear layer and convolution of a transformer by its name; None: nobody here knows its class."""
    make = _CLASSES.get(str(config.get("_class_name")))
    return None if make is None else dict(make(config))


def _sana(config: Config) -> Iterator[tuple[str, Layer]]:
    patch = int(config.get("patch_size", 1))
    width = _width(config)
    yield "patch_embed.proj", Layer((width, config["in_channels"], patch, patch))
    yield from _sana_conditions(config, width)
    for block in range(config["num_layers"]):
        yield from _sana_block(config, width, f"transformer_blocks.{block}")
    yield "proj_out", Layer((patch * patch * (config.get("out_channels") or config["in_channels"]), width))


def _sana_video(config: Config) -> Iterator[tuple[str, Layer]]:
    patch = tuple(config.get("patch_size", (1, 2, 2)))
    width = _width(config)
    yield "patch_embedding", Layer((width, config["in_channels"], *patch))
    yield from _sana_conditions(config, width)
    for block in range(config["num_layers"]):
        name = f"transformer_blocks.{block}"
        yield from _sana_block(config, width, name)
        yield f"{name}.ff.conv_temp", Layer((width, width, 3, 1))
    yield "proj_out", Layer((prod(patch) * (config.get("out_channels") or config["in_channels"]), width))


def _sana_conditions(config: Config, width: int) -> Iterator[tuple[str, Layer]]:
    guided = bool(config.get("guidance_embeds"))
    embedders = ("timestep_embedder", "guidance_embedder") if guided else ("emb.timestep_embedder",)
    for embedder in embedders:
        yield f"time_embed.{embedder}.linear_1", Layer((width, _SINUSOIDS))
        yield f"time_embed.{embedder}.linear_2", Layer((width, width))
    yield "time_embed.linear", Layer((6 * width, width))
    yield "caption_projection.linear_1", Layer((width, config["caption_channels"]))
    yield "caption_projection.linear_2", Layer((width, width))


def _sana_block(config: Config, width: int, name: str) -> Iterator[tuple[str, Layer]]:
    for projection in ("to_q", "to_k", "to_v"):
        yield f"{name}.attn1.{projection}", Layer((width, width))
    yield f"{name}.attn1.to_out.0", Layer((width, width))
    if config.get("cross_attention_dim") is not None:
        inner = config["num_cross_attention_heads"] * config["cross_attention_head_dim"]
        yield f"{name}.attn2.to_q", Layer((inner, width))
        yield f"{name}.attn2.to_k", Layer((inner, config["cross_attention_dim"]))
        yield f"{name}.attn2.to_v", Layer((inner, config["cross_attention_dim"]))
        yield f"{name}.attn2.to_out.0", Layer((width, inner))
    hidden = int(config.get("mlp_ratio", 2.5) * width)
    yield f"{name}.ff.conv_inverted", Layer((2 * hidden, width, 1, 1))
    yield f"{name}.ff.conv_depth", Layer((2 * hidden, 1, 3, 3), groups=2 * hidden)
    yield f"{name}.ff.conv_point", Layer((width, hidden, 1, 1))


def _wan(config: Config) -> Iterator[tuple[str, Layer]]:
    patch = tuple(config.get("patch_size", (1, 2, 2)))
    width = _width(config)
    yield "patch_embedding", Layer((width, config["in_channels"], *patch))
    condition = "condition_embedder"
    for embedder, given in (("time_embedder", config["freq_dim"]), ("text_embedder", config["text_dim"])):
        yield f"{condition}.{embedder}.linear_1", Layer((width, given))
        yield f"{condition}.{embedder}.linear_2", Layer((width, width))
    yield f"{condition}.time_proj", Layer((6 * width, width))
    if (image := config.get("image_dim")) is not None:
        yield f"{condition}.image_embedder.ff.net.0.proj", Layer((image, image))
        yield f"{condition}.image_embedder.ff.net.2", Layer((width, image))
    for block in range(config["num_layers"]):
        yield from _wan_block(config, width, f"blocks.{block}")
    yield "proj_out", Layer((prod(patch) * (config.get("out_channels") or config["in_channels"]), width))


def _wan_vace(config: Config) -> Iterator[tuple[str, Layer]]:
    patch = tuple(config.get("patch_size", (1, 2, 2)))
    width = _width(config)
    yield from _wan(config)
    yield "vace_patch_embedding", Layer((width, config.get("vace_in_channels", 96), *patch))
    for block in range(len(config["vace_layers"])):
        name = f"vace_blocks.{block}"
        if block == 0:
            yield f"{name}.proj_in", Layer((width, width))
        yield from _wan_block(config, width, name)
        yield f"{name}.proj_out", Layer((width, width))


def _wan_animate(config: Config) -> Iterator[tuple[str, Layer]]:
    patch = tuple(config.get("patch_size", (1, 2, 2)))
    width = _width(config)
    yield from _wan(config)
    yield "pose_patch_embedding", Layer((width, config.get("latent_channels", 16), *patch))
    # The convolutions of the face have one dimension, and what looks at it has layers of its own: no LoRA changes them.
    yield "face_encoder.out_proj", Layer((width, config.get("face_encoder_hidden_dim", 1024)))
    for block in range(config["num_layers"] // config.get("inject_face_latents_blocks", 5)):
        for projection in ("to_q", "to_k", "to_v", "to_out"):
            yield f"face_adapter.{block}.{projection}", Layer((width, width))


def _wan_block(config: Config, width: int, name: str) -> Iterator[tuple[str, Layer]]:
    for attention in ("attn1", "attn2"):
        for projection in ("to_q", "to_k", "to_v", "to_out.0"):
            yield f"{name}.{attention}.{projection}", Layer((width, width))
    if (added := config.get("added_kv_proj_dim")) is not None:
        yield f"{name}.attn2.add_k_proj", Layer((width, added))
        yield f"{name}.attn2.add_v_proj", Layer((width, added))
    yield f"{name}.ffn.net.0.proj", Layer((config["ffn_dim"], width))
    yield f"{name}.ffn.net.2", Layer((width, config["ffn_dim"]))


def _width(config: Config) -> int:
    return int(config["num_attention_heads"] * config["attention_head_dim"])


_CLASSES: Mapping[str, Callable[[Config], Iterator[tuple[str, Layer]]]] = {
    "SanaTransformer2DModel": _sana,
    "SanaVideoTransformer3DModel": _sana_video,
    "WanTransformer3DModel": _wan,
    "WanAnimateTransformer3DModel": _wan_animate,
    "WanVACETransformer3DModel": _wan_vace,
}
