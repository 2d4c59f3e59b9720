"""The names of Wan's own files: the library's converter, and what it leaves out (diffusers 0.42).

It does not know where FLF2V keeps the places of its two pictures. Of Wan Animate it takes the encoder of faces for one
of 512 pixels, and does not know the kernels that blur in it, which the files hold and the library computes.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from torch import Tensor

_PLACES = {"img_emb.emb_pos": "condition_embedder.image_embedder.pos_embed"}
#: A convolution of the encoder of faces: its number, its part in a block, what of it.
_CONVOLUTION = re.compile(
    r"motion_encoder\.enc\.net_app\.convs\.(\d+)\.(?:(conv1|conv2|skip)\.)?(?:\d\.)?(weight|bias|kernel)"
)
_OTHERS = {
    "motion_encoder.enc.fc.": "motion_encoder.motion_network.",
    "motion_encoder.dec.direction.weight": "motion_encoder.motion_synthesis_weight",
}


def rename_wan(tensors: Mapping[str, Tensor], model: Any) -> dict[str, Tensor]:
    """Tensors by diffusers' names. Raises ValueError, KeyError or IndexError where they are no model of Wan's kind."""
    buffers = dict(model.named_buffers())
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own = _PLACES.get(name) or _in_encoder(name)
        if own.endswith(".blur_kernel") and own in buffers:
            # No weight: the library makes it. Another one would be another model.
            if not torch.equal(tensor.float().flatten(), buffers[own].float().flatten()):
                raise ValueError(f"{name} is not the kernel that diffusers blurs with")
            continue
        named[own] = tensor.reshape(-1) if own.endswith(".act_fn.bias") else tensor
    converted: dict[str, Tensor] = convert_wan_transformer_to_diffusers(named)
    return converted


def _in_encoder(name: str) -> str:
    """A name of the encoder of faces as diffusers has it; any other as it is."""
    found = _CONVOLUTION.fullmatch(name)
    if found is None:
        for theirs, ours in _OTHERS.items():
            name = name.replace(theirs, ours)
        return name
    number, part, what = int(found[1]), found[2], found[3]
    if part is None:
        place = "conv_out" if number else "conv_in"
    else:
        place = f"res_blocks.{number - 1}.{'conv_skip' if part == 'skip' else part}"
    ending = {"bias": "act_fn.bias", "kernel": "blur_kernel"}.get(what, what)
    return f"motion_encoder.{place}.{ending}"
