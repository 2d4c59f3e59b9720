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


def warm_up(family: Family) -> float | None:
    """Render one step of the model's default size, of each expert one; the seconds it took, None where it could not be.

    What goes wrong here is logged and no reason not to start: renders will say it better.
    """
    order = _order(family)
    if order is None:
        return None
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="latent-farm-warm-up-") as spool:
        engine = Engine(family, Path(spool))
        engine.admit(RenderBatch("warm-up", [order]))
        while not engine.idle:
            for said in engine.step():
                if isinstance(said, RenderFailed):
                    log.warning("could not warm up", reason=said.reason)
                    return None
    seconds = time.perf_counter() - started
    log.info("warmed up", width=order.width, height=order.height, frames=order.frames, seconds=round(seconds, 1))
    return seconds


def _order(family: Family) -> RenderOrder | None:
    entry = family.entry
    asked: dict[str, Any] = {"model": entry.name, "prompt": "warm-up", "seed": 0}
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
    return RenderOrder("warm-up", 1, "warm-up", parameters.document(), shape.width, shape.height, shape.frames)
