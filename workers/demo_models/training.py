"""One training: a loop bounded by CPU seconds, learning rates that rise and fall, an average of the weights.

The budget counts the CPU time of this process, never the clock on the wall: on a busy machine a training
takes longer but learns the same. A checkpoint every few minutes lets others look at the weights and lets a
stopped run go on.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from workers.demo_models.optimiser import optimisers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train."""

    seconds: float
    muon_lr: float = 0.02
    adam_lr: float = 2e-3
    warm_up_steps: int = 100
    decay_share: float = 0.6
    average: float = 0.998
    checkpoint_every: float = 120.0


class Training:
    """Trains one module (all its parts under one optimiser) and keeps `average`, the module to ship."""

    def __init__(self, name: str, module: nn.Module, plan: Plan, folder: Path) -> None:
        self.name, self.module, self.plan = name, module, plan
        self.average = copy.deepcopy(module).requires_grad_(False)
        self.optimisers = optimisers(module, plan.muon_lr, plan.adam_lr)
        self.rates = [group["lr"] for optimiser in self.optimisers for group in optimiser.param_groups]
        self.file = folder / f"{name}.pt"
        self.step, self.spent = 0, 0.0

    def go_on(self) -> None:
        """Continue from the checkpoint if there is one."""
        if not self.file.exists():
            return
        saved = torch.load(self.file, weights_only=True)
        self.module.load_state_dict(saved["module"])
        self.average.load_state_dict(saved["average"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.step, self.spent = saved["step"], saved["spent"]
        log.info("%s: going on at step %d after %.0f CPU seconds", self.name, self.step, self.spent)

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        state = {
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "spent": self.spent,
        }
        beside = self.file.with_suffix(".part")
        torch.save(state, beside)
        beside.replace(self.file)

    def run(self, loss_at: Callable[[float], Tensor]) -> None:
        """Train until the budget is spent. `loss_at` gets the progress, 0 to 1, and gives a batch's loss."""
        saved_at, losses = self.spent, []
        while self.spent < self.plan.seconds:
            began = time.process_time()
            progress = self.spent / self.plan.seconds
            self._set_rates(progress)
            loss = loss_at(progress)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            for optimiser in self.optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            self._average()
            self.step += 1
            losses.append(float(loss.detach()))
            self.spent += time.process_time() - began
            if self.step % 100 == 0:
                mean = sum(losses) / len(losses)
                log.info("%s: step %d, %.0f s, loss %.4f", self.name, self.step, self.spent, mean)
                losses.clear()
            if self.spent - saved_at > self.plan.checkpoint_every:
                self.save()
                saved_at = self.spent
        self.save()

    def _set_rates(self, progress: float) -> None:
        warm = min(1.0, (self.step + 1) / self.plan.warm_up_steps)
        decay = min(1.0, (1.0 - progress) / self.plan.decay_share) if self.plan.decay_share else 1.0
        groups = [group for optimiser in self.optimisers for group in optimiser.param_groups]
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate * warm * max(decay, 0.01)

    @torch.no_grad()
    def _average(self) -> None:
        weight = 1.0 - min(self.plan.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.module.parameters()), weight)
