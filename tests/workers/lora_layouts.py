"""The layouts of LoRA files that programs write: from a transformer to its changes and the tensors of a file."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.workers.lora_files import Change, apart, changes_of, spelt


def flat(name: str) -> str:
    return name.replace(".", "_")


def with_alpha(changes: list[Change], alpha: float = 2.0) -> list[Change]:
    return [replace(change, alpha=alpha) for change in changes]


def blocks(transformer: Any) -> list[Change]:
    """Layers that flattened files hold: those of blocks."""
    return changes_of(transformer, keep=lambda name: name.startswith("blocks."))


LAYOUTS: dict[str, Callable[[Any], tuple[list[Change], dict[str, Tensor]]]] = {}


def layout(make: Callable[[Any], tuple[list[Change], dict[str, Tensor]]]) -> None:
    LAYOUTS[make.__name__] = make


def ours(prefix: str, end: str = "") -> Callable[[Change], str]:
    return lambda change: prefix + change.ours[0] + end


@layout
def diffusers(of: Any) -> Any:
    changes = apart(changes_of(of))
    return changes, spelt(changes, ours("transformer."), "lora_A", "lora_B")


@layout
def peft(of: Any) -> Any:
    changes = apart(changes_of(of))
    return changes, spelt(changes, ours("base_model.model."), "lora_A", "lora_B")


@layout
def peft_with_the_adapters_name(of: Any) -> Any:
    changes = apart(changes_of(of))
    return changes, spelt(changes, ours("base_model.model."), "lora_A.default", "lora_B.default")


@layout
def no_prefix(of: Any) -> Any:
    changes = apart(changes_of(of))
    return changes, spelt(changes, ours(""), "lora_A", "lora_B")


@layout
def comfyui_with_the_authors_names(of: Any) -> Any:
    changes = with_alpha(changes_of(of))
    return changes, spelt(changes, lambda change: f"diffusion_model.{change.theirs}", "lora_down", "lora_up")


@layout
def comfyui_without_alpha(of: Any) -> Any:
    changes = changes_of(of)
    return changes, spelt(changes, lambda change: f"diffusion_model.{change.theirs}", "lora_A", "lora_B")


@layout
def the_authors_names_alone(of: Any) -> Any:
    changes = changes_of(of)
    return changes, spelt(changes, lambda change: change.theirs, "lora_A", "lora_B")


@layout
def kohya(of: Any) -> Any:
    changes = with_alpha(blocks(of))
    return changes, spelt(changes, lambda change: f"lora_unet_{flat(change.theirs)}", "lora_down", "lora_up")


@layout
def kohya_without_alpha(of: Any) -> Any:
    changes = blocks(of)
    return changes, spelt(changes, lambda change: f"lora_unet_{flat(change.theirs)}", "lora_down", "lora_up")


@layout
def kohya_with_diffusers_names(of: Any) -> Any:
    changes = with_alpha(apart(blocks(of)))
    return changes, spelt(changes, lambda change: f"lora_unet_{flat(change.ours[0])}", "lora_down", "lora_up")


@layout
def kohya_of_attention_only(of: Any) -> Any:
    changes = with_alpha(changes_of(of, keep=lambda name: "attn" in name))
    return changes, spelt(changes, lambda change: f"lora_unet_{flat(change.theirs)}", "lora_down", "lora_up")


@layout
def kohya_of_one_block_only(of: Any) -> Any:
    changes = with_alpha(changes_of(of, keep=lambda name: name.startswith("blocks.1.")))
    return changes, spelt(changes, lambda change: f"lora_unet_{flat(change.theirs)}", "lora_down", "lora_up")


@layout
def kohya_with_whole_alphas(of: Any) -> Any:
    changes = with_alpha(blocks(of))
    tensors = spelt(changes, lambda change: f"lora_unet_{flat(change.theirs)}", "lora_down", "lora_up")
    return changes, {name: value.long() if name.endswith("alpha") else value for name, value in tensors.items()}


@layout
def onetrainer(of: Any) -> Any:
    changes = with_alpha(apart(changes_of(of)))
    return changes, spelt(changes, lambda change: f"lora_transformer_{flat(change.ours[0])}", "lora_down", "lora_up")


@layout
def halves_with_a_dot(of: Any) -> Any:
    changes = apart(changes_of(of))
    return changes, spelt(changes, ours("transformer."), "lora.down", "lora.up")


@layout
def peft_with_biases(of: Any) -> Any:
    changes = [replace(one, bias=torch.linspace(-1, 1, len(one.up))) for one in apart(changes_of(of))]
    tensors = spelt(changes, ours("base_model.model."), "lora_A", "lora_B")
    return changes, {name.replace(".diff_b", ".lora_B.bias"): value for name, value in tensors.items()}


@layout
def another_rank_and_alpha_in_each_layer(of: Any) -> Any:
    found = {rank: changes_of(of, rank=rank) for rank in (1, 2, 5)}
    changes = [replace(found[(1, 2, 5)[place % 3]][place], alpha=1.0 + place) for place in range(len(found[1]))]
    return changes, spelt(changes, lambda change: f"diffusion_model.{change.theirs}", "lora_down", "lora_up")


@layout
def step_distilled_with_biases_of_some_layers(of: Any) -> Any:
    changes = [
        replace(change, bias=None if place % 2 else torch.linspace(-1, 1, len(change.up)))
        for place, change in enumerate(with_alpha(changes_of(of)))
    ]
    tensors = spelt(changes, lambda change: f"diffusion_model.{change.theirs}", "lora_down", "lora_up")
    zeros = torch.zeros(8)
    return changes, tensors | {"diffusion_model.blocks.0.norm3.diff": zeros, "blocks.0.self_attn.norm_q.diff": zeros}


@layout
def eight_bit_floats(of: Any) -> Any:
    small = [
        replace(change, down=_rounded(change.down), up=_rounded(change.up)) for change in with_alpha(changes_of(of))
    ]
    tensors = spelt(small, lambda change: f"diffusion_model.{change.theirs}", "lora_down", "lora_up")
    halves = {name: value for name, value in tensors.items() if name.endswith("weight")}
    return small, tensors | {name: value.to(torch.float8_e4m3fn) for name, value in halves.items()}


def _rounded(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float8_e4m3fn).float()
