"""Muon for the matrices, AdamW for the rest: the pair that learnt the demo world in the least CPU time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Layers that touch pixels, latents or single tokens keep AdamW: their rows are no directions of hidden space.
_EDGES = ("patch_embed", "proj_out", "conv_in", "conv_out", "embed_tokens", "shared", "relative_attention")


def orthogonal(gradients: Tensor, iterations: int = 5) -> Tensor:
    """The orthogonal matrices nearest to a stack (n, rows, columns), roughly, by Newton and Schulz.

    In float32: Muon's authors take bf16, which processors without AVX-512 imitate at an eighth of the speed.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = gradients.shape[-2] > gradients.shape[-1]
    x: Tensor = gradients.mT if tall else gradients
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose every update is made orthogonal; convolutions count as matrices of their rows."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; equal shapes go through one batched product."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                velocity = self.state[parameter].setdefault("velocity", torch.zeros_like(parameter))
                velocity.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(velocity, group["momentum"]).flatten(1)
                alike[(ahead.shape[0], ahead.shape[1])].append((parameter, ahead))
            for (rows, columns), members in alike.items():
                updates = orthogonal(torch.stack([ahead for _, ahead in members]))
                size = max(1.0, rows / columns) ** 0.5
                for (parameter, _), update in zip(members, updates, strict=True):
                    parameter.add_(update.view_as(parameter), alpha=-group["lr"] * size)


def optimisers(module: nn.Module, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Share the parameters of a module out between Muon and AdamW."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        is_matrix = parameter.ndim >= 2 and min(parameter.flatten(1).shape) >= 16
        (matrices if is_matrix and not any(edge in name for edge in _EDGES) else others).append(parameter)
    adam = torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(matrices, lr=muon_lr), adam] if matrices else [adam]
