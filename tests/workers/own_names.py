"""The names that the authors of Wan and Sana have in their own files, for weights under diffusers' names.

Wan's by `wan/modules/model.py`, `vace_model.py` and `animate/` of github.com/Wan-Video, Sana's by
`diffusion/model/nets` of github.com/NVlabs/Sana. ComfyUI and its tools keep both.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

#: diffusers' part of a name → Wan's own.
_WAN = {
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
    "condition_embedder.image_embedder.pos_embed": "img_emb.emb_pos",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "attn1": "self_attn",
    "attn2": "cross_attn",
    ".to_q.": ".q.",
    ".to_k.": ".k.",
    ".to_v.": ".v.",
    ".to_out.0.": ".o.",
    ".add_k_proj.": ".k_img.",
    ".add_v_proj.": ".v_img.",
    ".norm_added_k.": ".norm_k_img.",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    ".norm2.": ".norm3.",
}
#: Of Animate: what looks at a face, and what reads it.
_FACE = {
    r"face_adapter\.(\d+)\.to_q": r"face_adapter.fuser_blocks.\1.linear1_q",
    r"face_adapter\.(\d+)\.to_k": r"face_adapter.fuser_blocks.\1.linear1_kv",
    r"face_adapter\.(\d+)\.to_out": r"face_adapter.fuser_blocks.\1.linear2",
    r"face_adapter\.(\d+)\.norm_(q|k)": r"face_adapter.fuser_blocks.\1.\2_norm",
    r"face_encoder\.(conv\w+)": r"face_encoder.\1.conv",
    r"motion_encoder\.motion_network": "motion_encoder.enc.fc",
    r"motion_encoder\.motion_synthesis_weight": "motion_encoder.dec.direction.weight",
    r"motion_encoder\.conv_in\.weight": "motion_encoder.enc.net_app.convs.0.0.weight",
    r"motion_encoder\.conv_in\.act_fn\.bias": "motion_encoder.enc.net_app.convs.0.1.bias",
}
#: A convolution of a block there: what it is → its part, and its place in that.
_BLOCK = {
    "conv1.weight": "conv1.0.weight",
    "conv1.act_fn.bias": "conv1.1.bias",
    "conv2.weight": "conv2.1.weight",
    "conv2.act_fn.bias": "conv2.2.bias",
    "conv_skip.weight": "skip.1.weight",
}
_SANA = {
    "transformer_blocks": "blocks",
    "patch_embed.proj": "x_embedder.proj",
    "patch_embedding": "x_embedder.proj",
    "time_embed.emb.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_embed.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_embed.guidance_embedder.linear_1": "cfg_embedder.mlp.0",
    "time_embed.guidance_embedder.linear_2": "cfg_embedder.mlp.2",
    "time_embed.linear": "t_block.1",
    "caption_projection.linear_1": "y_embedder.y_proj.fc1",
    "caption_projection.linear_2": "y_embedder.y_proj.fc2",
    "caption_norm": "attention_y_norm",
    "attn1.to_q": "attn.qkv",
    "attn1.to_out.0": "attn.proj",
    "attn1.norm_q": "attn.q_norm",
    "attn1.norm_k": "attn.k_norm",
    "attn2.to_q": "cross_attn.q_linear",
    "attn2.to_k": "cross_attn.kv_linear",
    "attn2.to_out.0": "cross_attn.proj",
    "attn2.norm_q": "cross_attn.q_norm",
    "attn2.norm_k": "cross_attn.k_norm",
    "ff.conv_inverted": "mlp.inverted_conv.conv",
    "ff.conv_depth": "mlp.depth_conv.conv",
    "ff.conv_point": "mlp.point_conv.conv",
    "ff.conv_temp": "mlp.t_conv",
    "proj_out": "final_layer.linear",
}
#: What Sana keeps as one matrix, by the first of its parts.
_JOINED = {"attn1.to_q": ("attn1.to_q", "attn1.to_k", "attn1.to_v"), "attn2.to_k": ("attn2.to_k", "attn2.to_v")}
#: What Sana's files have besides, and diffusers leaves out.
_BESIDES = ("pos_embed", "y_embedder.y_embedding", "logvar_linear.weight", "logvar_linear.bias")


def own_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A transformer of diffusers as the authors' own files have it."""
    return under_sana_names(tensors) if "caption_norm.weight" in tensors else under_own_names(tensors)


def under_sana_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A diffusers transformer of Sana under the names of Sana's own files, with what diffusers leaves out of them."""
    named = {name: torch.zeros(1) for name in _BESIDES}
    inner = {part for parts in _JOINED.values() for part in parts[1:]}
    for name, tensor in tensors.items():
        if any(part in name for part in inner):
            continue
        for first, parts in _JOINED.items():
            if first in name:
                tensor = torch.cat([tensors[name.replace(first, part)] for part in parts])
        own = "final_layer.scale_shift_table" if name == "scale_shift_table" else name
        for ours, theirs in _SANA.items():
            own = own.replace(ours, theirs)
        named[own] = tensor.contiguous()
    return named


def under_own_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A diffusers transformer of Wan under the names of Wan's own files; of Animate with the kernels that blur."""
    named = {}
    face_blocks = len({name.split(".")[2] for name in tensors if name.startswith("motion_encoder.res_blocks.")})
    for name, tensor in tensors.items():
        if name.startswith("face_adapter.") and ".to_v." in name:
            continue  # with the keys
        if name.startswith("face_adapter.") and ".to_k." in name:
            tensor = torch.cat([tensor, tensors[name.replace(".to_k.", ".to_v.")]])
        if name.startswith("motion_encoder.") and name.endswith(".act_fn.bias"):
            tensor = tensor.reshape(1, -1, 1, 1)
        named[_of_wan(name, face_blocks)] = tensor.contiguous()
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    for number in range(1, face_blocks + 1):
        for part in ("conv2", "skip"):
            named[f"motion_encoder.enc.net_app.convs.{number}.{part}.0.kernel"] = line * line[:, None] / 64
    return named


def _of_wan(name: str, face_blocks: int) -> str:
    if name.startswith(("face_adapter.", "face_encoder.", "motion_encoder.")):
        if block := re.fullmatch(r"motion_encoder\.res_blocks\.(\d+)\.(.+)", name):
            return f"motion_encoder.enc.net_app.convs.{int(block[1]) + 1}.{_BLOCK[block[2]]}"
        if name == "motion_encoder.conv_out.weight":
            return f"motion_encoder.enc.net_app.convs.{face_blocks + 1}.weight"
        for ours, theirs in _FACE.items():
            name = re.sub(f"^{ours}", theirs, name)
        return name
    if name.startswith("vace_blocks."):
        name = name.replace("proj_in", "before_proj").replace("proj_out", "after_proj")
    own = "head.modulation" if name == "scale_shift_table" else name.replace("scale_shift_table", "modulation")
    own = own.replace("proj_out", "head.head") if own.startswith("proj_out") else own
    for ours, theirs in _WAN.items():
        own = own.replace(ours, theirs)
    return own
