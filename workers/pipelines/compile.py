"""Faster passes at the cost of a slower start: torch.compile of the repeated blocks, and another attention kernel."""

from typing import Any

from farm.catalog.pool import PoolEntry

#: Class of a transformer → of its repeated blocks, where diffusers does not say itself.
_BLOCKS = {"SanaTransformer2DModel": ["SanaTransformerBlock"]}
#: Transformers whose attention does not go through diffusers' dispatch: a backend would be set and not used.
_FIXED_ATTENTION = ("Sana",)


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


def compile_blocks(transformer: Any, pool: PoolEntry) -> None:
    """Compile one repeated block, which serves all of them. Nothing is compiled before the first pass of a shape."""
    if not pool.compile:
        return
    kind = type(transformer).__name__
    if not transformer._repeated_blocks:
        if kind not in _BLOCKS:
            raise CompilingFailed(f"pool '{pool.name}' wants 'compile', and nobody says which blocks {kind} repeats")
        transformer._repeated_blocks = _BLOCKS[kind]
    transformer.compile_repeated_blocks(fullgraph=True)
