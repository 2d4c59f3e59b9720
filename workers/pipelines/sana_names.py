"""The names of Sana's own files, as diffusers' conversion scripts say them: Sana, SANA-1.5, SANA-Sprint, SANA-Video.

The library's converter of single files knows the first Sana alone: not the norms of queries and keys of the others, nor
the embedding of SANA-Sprint's guidance.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

#: In a block: theirs → ours; several are the parts of one matrix, in their order.
_BLOCK = {
    "": ("",),  # the table of shifts
    "attn.qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "attn.q_norm": ("attn1.norm_q",),
    "attn.k_norm": ("attn1.norm_k",),
    "attn.proj": ("attn1.to_out.0",),
    "cross_attn.q_linear": ("attn2.to_q",),
    "cross_attn.kv_linear": ("attn2.to_k", "attn2.to_v"),
    "cross_attn.q_norm": ("attn2.norm_q",),
    "cross_attn.k_norm": ("attn2.norm_k",),
    "cross_attn.proj": ("attn2.to_out.0",),
    "mlp.inverted_conv.conv": ("ff.conv_inverted",),
    "mlp.depth_conv.conv": ("ff.conv_depth",),
    "mlp.point_conv.conv": ("ff.conv_point",),
    "mlp.t_conv": ("ff.conv_temp",),  # over the frames of a clip
}
_OUTSIDE = {
    "y_embedder.y_proj.fc1": ("caption_projection.linear_1",),
    "y_embedder.y_proj.fc2": ("caption_projection.linear_2",),
    "attention_y_norm": ("caption_norm",),
    "t_block.1": ("time_embed.linear",),
    "cfg_embedder.mlp.0": ("time_embed.guidance_embedder.linear_1",),
    "cfg_embedder.mlp.2": ("time_embed.guidance_embedder.linear_2",),
    "final_layer": ("",),
    "final_layer.linear": ("proj_out",),
}
#: What training alone needs, and a table of places that the library computes.
_UNUSED = frozenset({"pos_embed", "y_embedder.y_embedding", "logvar_linear.weight", "logvar_linear.bias"})


def rename_sana(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors by diffusers' names; names that are not known stay as they are."""
    clips = config["_class_name"] == "SanaVideoTransformer3DModel"
    time = "time_embed.timestep_embedder" if config.get("guidance_embeds") else "time_embed.emb.timestep_embedder"
    outside = _OUTSIDE | {
        "x_embedder.proj": ("patch_embedding" if clips else "patch_embed.proj",),
        "t_embedder.mlp.0": (f"{time}.linear_1",),
        "t_embedder.mlp.2": (f"{time}.linear_2",),
    }
    named = {}
    for name, tensor in tensors.items():
        if name in _UNUSED:
            continue
        block = re.match(r"blocks\.\d+\.", name)
        inside = name[block.end() :] if block else name
        stem, _, end = inside.rpartition(".")
        places = (_BLOCK if block else outside).get(stem) if end in ("weight", "bias", "scale_shift_table") else None
        if places is None:
            named[name] = tensor
            continue
        before = f"transformer_{block[0]}" if block else ""
        for place, part in zip(places, tensor.chunk(len(places)), strict=True):
            named[f"{before}{place}{'.' if place else ''}{end}"] = part
    return named
