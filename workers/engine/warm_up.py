"""A first render of nothing anybody asked for, so that the first one somebody asked for does not pay for it.

Kernels are chosen and loaded, blocks compiled, pools of memory filled: seconds to minutes that belong to the start.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from farm.errors import InvalidRequest
from farm.params import JobRequest, resolve, shape_of
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import RenderBatch, RenderFailed, RenderOrder

log = structlog.get_logger(__name__)

#: Edges of the second shape that compiled blocks see are multiples of it: of those of all families.
_EDGE = 32


def warm_up(family: Family, *, compiled_for: int | None = None) -> float | None:
    """Render one step of the model's default size, of each expert one; the seconds it took, None where it could not be.

    compiled_for: how many renders share a pass at most, where blocks are compiled for whatever comes.
    What goes wrong here is logged and no reason not to start: renders will say it better.
    """
    started = time.perf_counter()
    if not _render(family, [{}]):
        return None
    if compiled_for is not None:
        for batch in _other_shapes(family, max(2, compiled_for)):
            _render(family, batch)
    seconds = time.perf_counter() - started
    log.info("warmed up", model=family.entry.name, seconds=round(seconds, 1))
    return seconds


def _other_shapes(family: Family, most: int) -> list[list[dict[str, Any]]]:
    """What compiled blocks have to see: another number of rows, width, height and length of prompts; and a single row.

    torch.compile makes a block for one shape, when it sees another one for every shape that differs in the same
    numbers, and one more for a single row (automatic dynamic shapes). Each takes as long as the first. On a CPU it
    makes another one from 16 rows on (torch 2.13, findings/compiled-convolutions-begin-again-at-sixteen.sh): it is
    shown few rows, and as many as there will be.
    """
    order = _order(family, {}, 0)
    if order is None:
        return []
    wide, low = (round(edge * part / _EDGE) * _EDGE for edge, part in ((order.width, 1.25), (order.height, 0.75)))
    other = {"width": wide, "height": low, "prompt": 20 * "warm-up "}
    return [2 * [other], most * [other], [{"guidance_scale": 1.0}]]


def _render(family: Family, batch: list[dict[str, Any]]) -> bool:
    """Whether all of the batch came to its end."""
    orders = [order for place, asked in enumerate(batch) if (order := _order(family, asked, place)) is not None]
    if not orders:
        return False
    with tempfile.TemporaryDirectory(prefix="latent-farm-warm-up-") as spool:
        engine = Engine(family, Path(spool))
        engine.admit(RenderBatch("warm-up", orders))
        while not engine.idle:
            for said in engine.step():
                if isinstance(said, RenderFailed):
                    log.warning("could not warm up", reason=said.reason)
                    return False
    return True


def _order(family: Family, changes: dict[str, Any], place: int) -> RenderOrder | None:
    entry = family.entry
    asked: dict[str, Any] = {"model": entry.name, "prompt": "warm-up", "seed": 0, **changes}
    asked["num_inference_steps"] = entry.limits.steps[0]
    if len(family.experts) > 1:  # with so small a shift the second of two steps is the other expert's
        asked |= {"num_inference_steps": max(2, entry.limits.steps[0]), "flow_shift": entry.limits.flow_shift[0]}
    try:
        resolved = resolve(JobRequest.model_validate(asked), entry, max_renders=1, draw_seed=lambda: 0)
    except InvalidRequest as error:  # a model that starts from a picture has none to start from
        log.info("no warm-up", reason=str(error))
        return None
    parameters = resolved.renders[0]
    shape = shape_of(parameters, entry)
    return RenderOrder(f"warm-up-{place}", 1, "warm-up", parameters.document(), shape.width, shape.height, shape.frames)
