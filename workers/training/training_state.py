"""How far the training of one LoRA is, in the place where other renders have their sampler.

A pass predicts (of a step of training the gradients, of a drawing the velocity) and changes nothing; `step` takes the
prediction in. So parking, checkpoints and going on work as they do for every render, and a step that ran out of memory
may be tried again.
"""

from typing import Any

import torch
from peft import LoraConfig
from torch import Tensor
from torch.nn.utils import get_total_norm

from farm.params.training.stored import Training
from workers.training.draws import generator
from workers.training.learning_rates import learning_rate
from workers.training.optimizers import STEPS, Average, Learnt, first_averages
from workers.training.training_set import TrainingSet
from workers.training.turns import Pass, Turn, pass_at


class LoraTraining:
    """Weights, what the optimiser remembers, losses and samples; all but `plan` and `known` is what a checkpoint holds.

    Parameters:
        weights: by the names that the transformer's parameters have without the adapter's own name.
        sampling_sigmas: of a drawing, the last of them 0.
        known: what is learnt from.
    """

    def __init__(
        self,
        plan: Training,
        seed: int,
        weights: dict[str, Tensor],
        sampling_sigmas: list[float],
        known: TrainingSet,
    ) -> None:
        self.plan = plan
        self.known = known
        self.seed = str(seed)
        self.names = list(weights)
        self.weights = list(weights.values())
        self.averages = first_averages(plan, self.weights)
        self.squares = first_averages(plan, self.weights)
        self.losses: list[float] = []
        self.pictures: list[Tensor] = []  # latents of the samples so far
        self.class_pictures: list[Tensor] = []
        self.sampling_sigmas = sampling_sigmas

    @property
    def config(self) -> Any:
        """Of the noise schedule, as samplers have it: some families look there which expert has a pass."""
        return self.known.schedule

    @property
    def named_weights(self) -> dict[str, Tensor]:
        """The weights as they are now, by their names."""
        return dict(zip(self.names, self.weights, strict=True))

    def pass_of(self, timestep: Tensor) -> Pass:
        """The pass of a 'timestep', which of a training is the place of the pass."""
        return pass_at(self.plan, int(timestep))

    def to(self, device: torch.device) -> None:
        """Move everything there, as after a checkpoint was read."""
        for name in ("weights", "averages", "squares", "pictures", "class_pictures"):
            setattr(self, name, [_moved(tensor, device) for tensor in getattr(self, name)])

    def before(self, now: Pass, latents: Tensor) -> Tensor:
        """The latents that a drawing goes on from: at its first step the noise of its seed.

        Samples have the seed of the training, as a render with the finished LoRA would.
        """
        if now.step:
            return latents
        sample = torch.Generator("cpu").manual_seed(int(self.seed))
        chance = sample if now.turn is Turn.SAMPLE else generator(int(self.seed), "class picture", now.number)
        return torch.randn(latents.shape, generator=chance).to(latents.device)

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """Take in what the pass predicted; the latents of the drawing that is under way."""
        now = self.pass_of(timestep)
        if now.turn is Turn.TRAIN:
            self._learn(prediction, now.step)
            return (latents,)
        here, there = self.sampling_sigmas[now.step : now.step + 2]
        drawn = self.before(now, latents) + (there - here) * prediction
        if now.step == self.plan.validation_inference_steps - 1:
            (self.pictures if now.turn is Turn.SAMPLE else self.class_pictures).append(drawn)
        return (drawn,)

    def _learn(self, prediction: Tensor, taken: int) -> None:
        """One step of the optimiser; the prediction is all gradients in a row, and the loss behind them."""
        plan = self.plan
        parts = torch.split(prediction[:-1], [weight.numel() for weight in self.weights])
        gradients = [part.view_as(weight) for part, weight in zip(parts, self.weights, strict=True)]
        norm = get_total_norm(gradients)
        scale = torch.clamp(plan.max_grad_norm / (norm + 1e-6), max=1.0)
        before = Learnt(self.weights, self.averages, self.squares)
        scaled = [gradient * scale for gradient in gradients]
        after = STEPS[plan.optimizer](plan, learning_rate(plan, taken), taken, before, scaled)
        self.weights, self.averages, self.squares = after.weights, after.averages, after.squares
        self.losses = [*self.losses, float(prediction[-1])]


def _moved(value: Average, device: torch.device) -> Average:
    return value.to(device) if isinstance(value, Tensor) else [part.to(device) for part in value]


def lora_config(plan: Training) -> LoraConfig:
    """The LoRA as peft has it."""
    settings: dict[str, Any] = {"r": plan.rank, "lora_alpha": plan.lora_alpha}
    return LoraConfig(**settings, target_modules=list(plan.target_modules), init_lora_weights=True)
