"""How a render is sampled: sampler, timestep shift, and whether all of the model runs in every pass."""

from farm.catalog.schema import ModelEntry
from farm.params.checks.collector import Checked, refused
from farm.params.checks.numbers import check_real
from farm.params.request.base import Speed
from farm.params.samplers import first_steps_collide, sampler_fault


def check_sampler(given: str | None, entry: ModelEntry) -> Checked[str]:
    """The sampler by its name."""
    if given is None:
        return entry.defaults["sampler"], ()
    if given in entry.samplers:
        return given, ()
    return refused(given, "sampler", sampler_fault(given, entry.name, entry.samplers))


def check_flow_shift(given: float | None, width: int, height: int, entry: ModelEntry) -> Checked[float | None]:
    """The timestep shift: as asked, or as the model has it for this rendered size."""
    if given is None:
        return entry.shift_for(width, height), ()
    return check_real("flow_shift", given, entry, *entry.limits.flow_shift)


def check_crowding(steps: int, sampler: str, shift: float | None) -> Checked[int]:
    """The steps, of which the first two must not fall on one timestep."""
    if shift is None or not first_steps_collide(sampler, steps, shift):
        return steps, ()
    most = next(count for count in range(steps, 0, -1) if not first_steps_collide(sampler, count, shift))
    return refused(
        steps,
        "num_inference_steps",
        f"{steps} steps are too many for {sampler} at flow_shift {shift:g}: the first two fall on one timestep; "
        f"take at most {most} steps, a smaller shift, or the sampler euler",
    )


def check_speed(given: Speed | None, *, drafted: bool, entry: ModelEntry) -> Checked[Speed]:
    """Whether all of the model runs in every pass; `fast` where the model has a way that works.

    `drafted`: whether the render stops for a draft.
    """
    speed: Speed = given or "quality"
    if speed == "quality":
        return speed, ()
    name = entry.name
    if entry.step_cache is None:
        why = f"{name} has no step cache that would make it fast; leave it out, or take fewer steps"
    elif entry.sharded:
        why = f"{name} lies on several devices, where a step cache does not work; leave it out"
    elif drafted:
        why = "a fast render cannot stop for a draft and go on the same; leave one of them out"
    else:
        return speed, ()
    return refused(speed, "speed", why)
