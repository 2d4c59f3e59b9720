"""What a finished render or a draft teaches: its times and its batch sizes, for batch curves and estimates."""

from scheduler.estimates.observations import Observed
from workers.agent.leased_renders import LeasedRender
from workers.protocol import Drafted, Rendered


def observe(rendered: Rendered | Drafted, leased: LeasedRender, *, device: str, now: float) -> Observed | None:
    """What the engine measured of a render. `now`: when it is settled, monotonic.

    None where a step cache left out work: how much depends on what is in the picture, so it says nothing about others.
    None of a training either: its passes go back, too.

    Steady is a render whose passes all had the same number of rows, as many of them guided: a guided row is twice
    the work, so only then the mean seconds of its passes belong to one size of batch.
    """
    if leased.render.parameters.get("step_cache") is not None or "training" in leased.render.parameters:
        return None
    steps = rendered.trace[rendered.first_step :]  # those before were another attempt's
    sizes = [step.batch_size for step in steps]
    guided = [step.guided for step in steps]
    return Observed(
        device=device,
        width=leased.render.width,
        height=leased.render.height,
        frames=leased.render.frames,
        forwards=len(sizes),
        guided=leased.render.parameters.get("guidance_scale", 0.0) > 1.0,
        batch_size=max(1, round(sum(sizes) / len(sizes))) if sizes else 1,
        steady=len(set(sizes)) == 1 and set(guided) <= {0, sizes[0]} and len(set(guided)) == 1,
        encode_seconds=rendered.seconds.get("encode", 0.0),
        pass_seconds=rendered.pass_seconds,
        decode_seconds=rendered.seconds.get("decode", 0.0),
        gpu_seconds=rendered.gpu_seconds,
        wall_seconds=max(0.0, now - leased.claimed_at),
    )
