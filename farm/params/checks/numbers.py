"""Numbers within the limits of a model."""

from farm.catalog.schema import ModelEntry
from farm.params.checks.collector import Checked, refused
from farm.params.request.submission import shown


def check_whole(field: str, given: int | None, entry: ModelEntry, low: int, high: int) -> Checked[int]:
    """A whole number as asked (or the model's default) within low … high."""
    value: int = entry.defaults.get(field, low) if given is None else given
    if low <= value <= high:
        return value, ()
    return refused(value, field, f"must be between {low} and {high} for {entry.name}; seen {shown(value)}")


def check_real(field: str, given: float | None, entry: ModelEntry, low: float, high: float) -> Checked[float]:
    """A number as asked (or the model's default) within low … high."""
    value: float = entry.defaults.get(field, low) if given is None else given
    if low <= value <= high:
        return float(value), ()
    return refused(low, field, f"must be between {low:g} and {high:g} for {entry.name}; seen {shown(value)}")


def check_stop_at_step(stop: int | None, steps: int) -> Checked[int | None]:
    """The step after which a draft is shown, of so many."""
    if stop is None or 1 <= stop < steps:
        return stop, ()
    if steps == 1:
        return refused(None, "stop_at_step", "a render of one step has no draft; leave it out")
    rule = f"must be between 1 and {steps - 1}, before the last step"
    return refused(None, "stop_at_step", f"{rule}; seen {shown(stop)}")
