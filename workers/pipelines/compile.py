"""Faster passes at the cost of a slower start: torch.compile of the repeated blocks, and another attention kernel."""

import os
import shutil
from typing import Any

import torch

from farm.catalog.pool import PoolEntry

#: Class of a transformer → of its repeated blocks, where diffusers does not say itself.
_BLOCKS = {"SanaTransformer2DModel": ["SanaTransformerBlock"]}
#: Transformers whose attention does not go through diffusers' dispatch: a backend would be set and not used.
_FIXED_ATTENTION = ("Sana",)
#: Kind of device → what torch.compile starts there: the variable that names it, what is looked for without, and what it
#: is. On CPUs Inductor's kernels are C++; on GPUs Triton builds in C what starts its kernels.
_COMPILERS = {"cpu": ("CXX", ("g++",), "C++"), "cuda": ("CC", ("gcc", "clang"), "C")}


class CompilingFailed(ValueError):
    """The transformer cannot be made faster as its pool says; the message says why and what would do."""


def choose_attention(transformer: Any, pool: PoolEntry) -> None:
    """Set the pool's attention backend. Raises CompilingFailed."""
    if pool.attention is None:
        return
    kind = type(transformer).__name__
    if kind.startswith(_FIXED_ATTENTION):
        raise CompilingFailed(
            f"pool '{pool.name}' wants attention '{pool.attention}', and {kind} computes its attention itself: "
            "diffusers would take the setting and not use it. Leave 'attention' out"
        )
    try:
        transformer.set_attention_backend(pool.attention)
    except (ValueError, RuntimeError, ImportError, NotImplementedError) as error:
        raise CompilingFailed(
            f"pool '{pool.name}' wants attention '{pool.attention}', which this machine does not have: {error}"
        ) from error


def compile_blocks(transformer: Any, pool: PoolEntry, device: torch.device) -> None:
    """Compile one repeated block, which serves all of them. Nothing is compiled before the first pass of a shape.

    Raises CompilingFailed: without a compiler each render would fail, and a long way from the setting.
    """
    if not pool.compile:
        return
    _check_compiler(pool, device)
    kind = type(transformer).__name__
    if not transformer._repeated_blocks:
        if kind not in _BLOCKS:
            raise CompilingFailed(f"pool '{pool.name}' wants 'compile', and nobody says which blocks {kind} repeats")
        transformer._repeated_blocks = _BLOCKS[kind]
    transformer.compile_repeated_blocks(fullgraph=True)


def _check_compiler(pool: PoolEntry, device: torch.device) -> None:
    variable, programs, language = _COMPILERS[device.type]
    wanted = (os.environ[variable],) if variable in os.environ else programs
    if not any(map(shutil.which, wanted)):
        raise CompilingFailed(
            f"pool '{pool.name}' wants 'compile', and this machine has no compiler of {language} "
            f"({' or '.join(wanted)}). Install one, name one in {variable}, or leave 'compile' out"
        )
