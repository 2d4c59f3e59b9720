"""LoRA files as people have them: the same change of some layers, spelt as each program spells it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

#: The authors' names inside a block, from their own code; more than one of ours: one under the other in its rows.
WAN_BLOCK = {
    "self_attn.q": ("attn1.to_q",),
    "self_attn.k": ("attn1.to_k",),
    "self_attn.v": ("attn1.to_v",),
    "self_attn.o": ("attn1.to_out.0",),
    "cross_attn.q": ("attn2.to_q",),
    "cross_attn.k": ("attn2.to_k",),
    "cross_attn.v": ("attn2.to_v",),
    "cross_attn.o": ("attn2.to_out.0",),
    "cross_attn.k_img": ("attn2.add_k_proj",),
    "cross_attn.v_img": ("attn2.add_v_proj",),
    "ffn.0": ("ffn.net.0.proj",),
    "ffn.2": ("ffn.net.2",),
}
SANA_BLOCK = {
    "attn.qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "attn.proj": ("attn1.to_out.0",),
    "cross_attn.q_linear": ("attn2.to_q",),
    "cross_attn.kv_linear": ("attn2.to_k", "attn2.to_v"),
    "cross_attn.proj": ("attn2.to_out.0",),
    "mlp.inverted_conv.conv": ("ff.conv_inverted",),
    "mlp.point_conv.conv": ("ff.conv_point",),
    "mlp.t_conv": ("ff.conv_temp",),
}
WAN_TOP = {
    "time_projection.1": "condition_embedder.time_proj",
    "head.head": "proj_out",
    "face_encoder.out_proj": "face_encoder.out_proj",  # of Wan Animate alone, as what follows
    "pose_patch_embedding": "pose_patch_embedding",
}
WAN_FACE = {"linear1_q": ("to_q",), "linear1_kv": ("to_k", "to_v"), "linear2": ("to_out",)}
SANA_TOP = {"t_block.1": "time_embed.linear", "y_embedder.y_proj.fc1": "caption_projection.linear_1"}


@dataclass(frozen=True)
class Change:
    """A change of one layer, or of several that lie under each other in its rows."""

    ours: tuple[str, ...]
    theirs: str  # the authors' name
    down: Tensor
    up: Tensor
    alpha: float | None = None
    bias: Tensor | None = None

    @property
    def matrix(self) -> Tensor:
        """alpha / rank * up @ down in float64, outputs by all else."""
        scale = 1.0 if self.alpha is None else self.alpha / self.down.shape[0]
        return scale * self.up.double().flatten(1) @ self.down.double().flatten(1)


def changes_of(transformer: nn.Module, *, rank: int = 3, keep: Callable[[str], bool] = lambda _: True) -> list[Change]:
    """Strong random changes of layers of each kind, by the authors' names."""
    modules = dict(transformer.named_modules())
    wan = "blocks.0.ffn.net.2" in modules
    kind = "blocks" if wan else "transformer_blocks"
    top = WAN_TOP if wan else SANA_TOP
    names = {theirs: (ours,) for theirs, ours in top.items()}
    for block in range(2):
        for theirs, ours in (WAN_BLOCK if wan else SANA_BLOCK).items():
            names[f"blocks.{block}.{theirs}"] = tuple(f"{kind}.{block}.{name}" for name in ours)
        for theirs, ours in WAN_FACE.items():
            names[f"face_adapter.fuser_blocks.{block}.{theirs}"] = tuple(
                f"face_adapter.{block}.{name}" for name in ours
            )
    dice = torch.Generator().manual_seed(5)
    made = []
    for theirs, ours in names.items():
        if all(name in modules for name in ours) and keep(theirs):
            weights = [base_of(modules[name]).weight for name in ours]
            outputs = sum(len(weight) for weight in weights)
            down = torch.randn(rank, *weights[0].shape[1:], generator=dice)
            up = torch.randn(outputs, rank, *(1 for _ in weights[0].shape[2:]), generator=dice)
            made.append(Change(ours, theirs, down, up))
    return made


def base_of(module: Any) -> Any:
    """The layer below adapters, or the layer itself."""
    while hasattr(module, "base_layer"):
        module = module.base_layer
    return module


def apart(changes: Iterable[Change]) -> list[Change]:
    """The same changes, with layers that lie in one of the authors' apart, as diffusers has them."""
    found = []
    for change in changes:
        rows = len(change.up) // len(change.ours)
        for place, name in enumerate(change.ours):
            part = slice(place * rows, (place + 1) * rows)
            bias = None if change.bias is None else change.bias[part]
            found.append(replace(change, ours=(name,), up=change.up[part], bias=bias))
    return found


def spelt(changes: Iterable[Change], name: Callable[[Change], str], down: str, up: str) -> dict[str, Tensor]:
    """The tensors of a file. `name`: how the file calls a layer; `down`, `up`: how its halves end."""
    tensors = {}
    for change in changes:
        called = name(change)
        tensors[f"{called}.{down}.weight"] = change.down
        tensors[f"{called}.{up}.weight"] = change.up
        if change.alpha is not None:
            tensors[f"{called}.alpha"] = torch.tensor(change.alpha)
        if change.bias is not None:
            tensors[f"{called}.diff_b"] = change.bias
    return tensors


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> str:
    """A file of these tensors; its path."""
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path, metadata=metadata)
    return str(path)
