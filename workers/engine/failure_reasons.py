"""What the engine says of a render that it could not make."""

import structlog

from farm.errors import FarmError
from workers.denoising.fault_isolation import DeviceLost, StateInDoubt, is_device_lost
from workers.denoising.lora import AdapterUnfit
from workers.denoising.out_of_memory import is_out_of_memory
from workers.families.base import Refused
from workers.protocol import RenderFailed, RenderOrder

log = structlog.get_logger(__name__)

_REASON_CHARS = 600


def failure(
    order: RenderOrder, doing: str, error: Exception | None, reason: str = "", *, own_fault: bool = True
) -> RenderFailed:
    """That it failed while `doing`, because of an error or a reason. Raises DeviceLost where nobody can go on."""
    if error is not None and is_device_lost(error):
        raise DeviceLost(f"{type(error).__name__}: {error}") from error
    if error is not None:
        reason = f"{type(error).__name__}: {error}"
        if is_out_of_memory(error):
            reason = f"out of memory, though it was alone ({reason})"
    # These quote what the user wrote; the user is told it, the log is not.
    trace = None if isinstance(error, ValueError | FarmError) else error
    log.warning("render failed", render=order.render_id, attempt=order.attempt, doing=doing, exc_info=trace)
    hopeless = isinstance(error, Refused | AdapterUnfit)
    return RenderFailed(order.render_id, order.attempt, f"{doing}: {reason}"[:_REASON_CHARS], own_fault, hopeless)


def given_back(order: RenderOrder, error: StateInDoubt, *, in_passes: bool) -> RenderFailed:
    """That its engine has to end. One with adapters and in passes may be why, and counts it; others just go back."""
    own_fault = in_passes and bool(order.parameters.get("loras"))
    reason = f"The engine had to start anew: {error}"
    return RenderFailed(order.render_id, order.attempt, reason[:_REASON_CHARS], own_fault)
