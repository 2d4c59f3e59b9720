"""The names of Sana's own files, as diffusers' conversion scripts say them: Sana, SANA-1.5, SANA-Sprint, SANA-Video.

The library's converter of single files knows the first Sana alone: not the norms of queries and keys of the others, nor
the embedding of SANA-Sprint's guidance.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from farm.layer_names import SANA, SANA_BLOCK

#: Beside the layers that adapters change: norms, and tables of shifts.
_BLOCK = {
    **SANA_BLOCK,
    "": ("",),
    "attn.q_norm": ("attn1.norm_q",),
    "attn.k_norm": ("attn1.norm_k",),
    "cross_attn.q_norm": ("attn2.norm_q",),
    "cross_attn.k_norm": ("attn2.norm_k",),
}
_OUTSIDE = {**SANA, "attention_y_norm": ("caption_norm",), "final_layer": ("",)}
#: What training alone needs, and a table of places that the library computes.
_UNUSED = frozenset({"pos_embed", "y_embedder.y_embedding", "logvar_linear.weight", "logvar_linear.bias"})


def rename_sana(tensors: Mapping[str, Tensor], model: Any) -> dict[str, Tensor]:
    """Tensors by diffusers' names; names that are not known stay as they are."""
    known = model.state_dict().keys()
    # Of several names the one that the model has: they are of pictures and clips, with and without embedded guidance.
    outside = {
        theirs: (next((name for name in ours if f"{name}.weight" in known), ours[0]),)
        for theirs, ours in _OUTSIDE.items()
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
