"""What a step and a decoding need beside the weights: the parts are run on the meta device at the real size."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from farm.catalog.schema import ModelEntry
from farm.catalog.supported_features import ABILITIES
from farm.params.sizes import Shape
from workers.engine.decode import DECODE_PIXELS
from workers.memory_planning.live_memory import peak_bytes
from workers.memory_planning.model_parts import Part

_META = torch.device("meta")


@dataclass(frozen=True)
class Activity:
    """Peak bytes beside the weights. `step` and `decode`: for the renders that were asked (`decode` also of the picture
    that each must start from, if encoding that needs more); `one_more`: what one more render adds to a step; `tokens`:
    of one render in the transformer.
    """

    step: int
    decode: int
    one_more: int
    tokens: int


def measure(parts: dict[str, Part], entry: ModelEntry, shape: Shape, renders: int) -> Activity | None:
    """The activity of a step and of decoding; None for a transformer that nothing here knows how to call."""
    transformer, vae = parts["transformer"], parts["vae"]
    kind = type(transformer.module).__name__
    if kind not in _CALLS:
        return None
    latents, tokens = _latents(parts, shape)
    if "motion_encoder_size" in transformer.config:  # of Wan Animate the character is a latent frame more
        tokens += tokens // latents[1]
    call, rows = _CALLS[kind], renders
    if kind.startswith("Sana") and not _embeds_guidance(transformer):
        rows = 2 * renders if entry.limits.guidance[1] > 1 else renders  # with and without the prompt
    step = call(parts, latents, rows, entry)
    more = call(parts, latents, rows + rows // renders, entry)
    together = max(1, min(renders, DECODE_PIXELS // (shape.width * shape.height * shape.frames)))
    decode = max(_decode(vae, latents, together, entry.vae_tiling), _encode(vae, entry, shape))
    return Activity(step, decode, more - step, tokens)


def _latents(parts: dict[str, Part], shape: Shape) -> tuple[tuple[int, ...], int]:
    """The shape of one render's latents without the batch (channels, …), and how many tokens they are."""
    config: Any = parts["vae"].config
    if type(parts["vae"].module).__name__ == "AutoencoderDC":
        factor = 2 ** (len(config.encoder_block_out_channels) - 1)
        channels, sides = config.latent_channels, (shape.height // factor, shape.width // factor)
        latents: tuple[int, ...] = (channels, *sides)
    elif type(parts["vae"].module).__name__ == "AutoencoderKLLTX2Video":
        space, time = config.spatial_compression_ratio, config.temporal_compression_ratio
        latents = (config.latent_channels, (shape.frames - 1) // time + 1, shape.height // space, shape.width // space)
    else:
        space, time = config.scale_factor_spatial, config.scale_factor_temporal
        sides = (shape.height // space, shape.width // space)
        latents = (config.z_dim, (shape.frames - 1) // time + 1, *sides)
    patch = parts["transformer"].config.patch_size
    volume = patch**2 if isinstance(patch, int) else patch[0] * patch[1] * patch[2]
    cells = 1
    for side in latents[1:]:
        cells *= side
    return latents, cells // volume


def _embeds_guidance(transformer: Part) -> bool:
    return bool(transformer.config.guidance_embeds)


def _sana(parts: dict[str, Part], latents: tuple[int, ...], rows: int, entry: ModelEntry) -> int:
    part, controlnet = parts["transformer"], parts.get("controlnet")
    hidden = _empty(rows, *latents, dtype=part.dtype)
    text = _empty(rows, entry.max_sequence_length, part.config.caption_channels, dtype=part.dtype)
    mask = torch.ones(rows, entry.max_sequence_length, device=_META, dtype=torch.long)
    extra = {"guidance": _empty(rows, dtype=part.dtype)} if _embeds_guidance(part) else {}
    time = _empty(rows, dtype=torch.float32)
    seen = {"encoder_hidden_states": text, "encoder_attention_mask": mask, "timestep": time, "return_dict": False}

    def step() -> None:
        if controlnet is not None:
            extra["controlnet_block_samples"] = controlnet.module(hidden, controlnet_cond=hidden, **seen)[0]
        part.module(hidden, **seen, **extra)

    return peak_bytes(step, (hidden, text, mask))


def _wan(parts: dict[str, Part], latents: tuple[int, ...], rows: int, entry: ModelEntry) -> int:
    part = parts["transformer"]
    channels = part.config.in_channels  # with a picture more than the latents have: it is stacked upon them
    animates = "motion_encoder_size" in part.config
    hidden = _empty(rows, channels, latents[1] + animates, *latents[2:], dtype=part.dtype)
    text = _empty(rows, entry.max_sequence_length, part.config.text_dim, dtype=part.dtype)
    frames, height, width = (side // patch for side, patch in zip(latents[1:], part.config.patch_size, strict=True))
    per_token = entry.family in ABILITIES and ABILITIES[entry.family].timestep_per_token
    time = _empty(rows, *([frames * height * width] if per_token else []), dtype=torch.float32)
    seen = {"hidden_states": hidden, "timestep": time, "encoder_hidden_states": text}
    if "vace_layers" in part.config:
        seen["control_hidden_states"] = _empty(rows, part.config.vace_in_channels, *latents[1:], dtype=part.dtype)
    if animates:
        edge, pixels = part.config.motion_encoder_size, (latents[1] - 1) * parts["vae"].config.scale_factor_temporal + 1
        seen["pose_hidden_states"] = _empty(rows, *latents, dtype=part.dtype)
        seen["face_pixel_values"] = _empty(rows, 3, pixels, edge, edge, dtype=part.dtype)
    if "image_encoder" in parts:
        vision = parts["image_encoder"].config
        patches = (vision.image_size // vision.patch_size) ** 2 + 1
        pictures = 1 if part.config.pos_embed_seq_len is None else 2
        seen["encoder_hidden_states_image"] = _empty(rows * pictures, patches, vision.hidden_size, dtype=part.dtype)
    return peak_bytes(lambda: part.module(**seen, return_dict=False), seen.values())


_CALLS = {
    "SanaTransformer2DModel": _sana,
    "SanaVideoTransformer3DModel": _sana,
    "WanTransformer3DModel": _wan,
    "WanAnimateTransformer3DModel": _wan,
    "WanVACETransformer3DModel": _wan,
}
#: Families whose renders all start from a picture, or have a clip (of VACE a grey one where none is given) encoded.
_FROM_PICTURES = ("wan-animate", "wan-vace", "wan-i2v", "wan-flf2v", "wan22-i2v", "sana-controlnet")


def _encode(vae: Part, entry: ModelEntry, shape: Shape) -> int:
    """Encoding the picture of one render: a clip's is as long as the clip, grey after its first frame."""
    if entry.family not in _FROM_PICTURES:
        return 0
    module: Any = vae.module
    frames = (shape.frames,) if shape.frames > 1 else ()
    given = _empty(1, 3, *frames, shape.height, shape.width, dtype=vae.dtype)
    return peak_bytes(lambda: module.encode(given, return_dict=False), (given,))


def _decode(vae: Part, latents: tuple[int, ...], renders: int, tiling: dict[str, int] | None) -> int:
    module: Any = vae.module
    if tiling is not None:
        module.enable_tiling(**tiling)
        # Tiles are blended in place, line after line: thousands of operations that hold a line each.
        module.blend_v = module.blend_h = _unblended
    given = _empty(renders, *latents, dtype=vae.dtype)
    tiled = module.decoder if tiling is not None and type(module).__name__ == "AutoencoderDC" else None
    return peak_bytes(lambda: module.decode(given, return_dict=False), (given,), repeated=tiled)


def _unblended(_: Tensor, tile: Tensor, extent: int) -> Tensor:
    return tile


def _empty(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, device=_META, dtype=dtype)
