"""A plan in words: the parts, what they do, and each arrangement with its sum."""

from collections.abc import Iterator, Sequence
from typing import Any

from workers.memory_planning.fitting import Arrangement
from workers.memory_planning.requirements import Needs
from workers.memory_planning.weights import Weights

_GB = 10**9


def plan_lines(needs: Needs, found: Sequence[Arrangement]) -> Iterator[str]:
    """The lines of a plan. GB are 10^9 bytes."""
    shape, activity = needs.shape, needs.activity
    length = f", {shape.frames} frames" if shape.frames > 1 else ""
    renders = "1 render" if needs.renders == 1 else f"{needs.renders} renders together"
    yield f"{needs.title} at {shape}{length}, {renders}"
    yield ""
    yield f"{'part':<14}{'parameters':>16}{'GB':>8}   held in"
    for name, weights in needs.parts.items():
        yield f"{name.replace('_', ' '):<14}{weights.parameters:>16,}{_gb(weights.size):>8}   {_dtypes(weights)}"
    more = _gb(activity.one_more)
    yield f"{'a step':<14}{activity.tokens:>9,} tokens{_gb(activity.step):>8}   one more render: {more}"
    yield f"{'decoding':<14}{'':>16}{_gb(activity.decode):>8}"
    for way in found:
        yield ""
        yield f"{'fits' if way.fits else 'no':<6}{way.name}"
        yield f"      {_sum(way)}"
        if way.host and way.refusal is None:
            yield f"      and {_gb(way.host)} GB of host memory"
    yield ""
    yield from _advice(found)


def as_values(needs: Needs, found: Sequence[Arrangement]) -> dict[str, Any]:
    """The plan for programs; sizes in bytes."""
    return {
        "model": needs.model,
        "width": needs.shape.width,
        "height": needs.shape.height,
        "frames": needs.shape.frames,
        "renders": needs.renders,
        "parts": {name: {"parameters": part.parameters, "bytes": part.size} for name, part in needs.parts.items()},
        "step_bytes": needs.activity.step,
        "one_more_render_bytes": needs.activity.one_more,
        "decode_bytes": needs.activity.decode,
        "arrangements": [
            {
                "name": way.name,
                "fits": way.fits,
                "needed_bytes": way.needed,
                "gpu_bytes": way.memory,
                "terms": [{"what": term.what, "bytes": term.size} for term in way.terms],
                "host_bytes": way.host,
                "refusal": way.refusal,
                "pool": way.pool,
            }
            for way in found
        ],
    }


def _advice(found: Sequence[Arrangement]) -> Iterator[str]:
    best = next((way for way in found if way.fits), None)
    if best is None:
        yield "Nothing of this fits: take a smaller size, fewer renders together, or larger GPUs."
    elif best.pool:
        yield f"Take: {best.name}. In the pool: {_yaml(best.pool)}"
    else:
        yield f"Take: {best.name}; a pool needs no setting for it."


def _sum(way: Arrangement) -> str:
    if way.refusal is not None:
        return way.refusal
    terms = " + ".join(f"{_gb(term.size)} {term.what}" for term in way.terms)
    return f"{terms} = {_gb(way.needed)} {'≤' if way.fits else '>'} {_gb(way.memory)} GB"


def _dtypes(weights: Weights) -> str:
    ordered = sorted(weights.dtypes.items(), key=lambda item: -item[1])
    (first, _), rest = ordered[0], ordered[1:]
    return ", ".join([first, *(f"{count:,} of them in {name}" for name, count in rest)])


def _yaml(values: dict[str, Any]) -> str:
    """One line of YAML: {sharding: {by: weights, devices: 2}}."""
    inner = ", ".join(f"{key}: {_yaml(value) if isinstance(value, dict) else value}" for key, value in values.items())
    return "{" + inner + "}"


def _gb(size: int) -> str:
    return f"{size / _GB:.2f}" if size < _GB else f"{size / _GB:.1f}"
