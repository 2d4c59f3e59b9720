"""What rank 0 and the other ranks of a group say to each other, pickled over a socket pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig

from farm.catalog.pool import Sharding


@dataclass(frozen=True)
class Weights:
    """Where every rank finds the transformer, or both of two, whose files rank 0 has checked."""

    transformers: Mapping[str, type[Any]]  # part of the pipeline → its class in diffusers
    folder: str  # of the pipeline
    variant: str | None
    dtypes: Mapping[str, torch.dtype]
    use_safetensors: bool | None  # as `from_pretrained` takes it
    attention: str | None  # diffusers' backend; none: torch's own


@dataclass(frozen=True)
class Enlist:
    """The first word of rank 0."""

    rank: int
    weights: Weights
    sharding: Sharding
    device: str
    threads: int


@dataclass(frozen=True)
class Loaded:
    """The weights are in memory; the rank can meet the others."""


@dataclass(frozen=True)
class Meet:
    """All have loaded: make the process group, through a file that only this user can see."""

    store: str


@dataclass(frozen=True)
class Failed:
    """The rank ends, because of this."""

    reason: str


@dataclass(frozen=True)
class Slot:
    """The place of a tensor in a call."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Call:
    """Arguments of a transformer, with a Slot wherever a tensor stands."""

    transformer: str  # which part of the pipeline
    args: Any
    kwargs: Any


@dataclass(frozen=True)
class Learn:
    """A step of training begins: until LetGo each rank takes a part of the rows of each call, with this LoRA on.

    `weights`: of the LoRA, by their names in a file; their tensors follow.
    """

    transformer: str
    slot: str
    config: LoraConfig
    weights: Mapping[str, Slot]
    gradient_checkpointing: bool


@dataclass(frozen=True)
class GoBack:
    """All calls of the step have been made: what the loss changes by with the output of each follows."""

    gradients: Sequence[Slot]


@dataclass(frozen=True)
class LetGo:
    """The step has ended."""
