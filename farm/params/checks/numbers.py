"""Numbers within the limits of a model."""

from farm.catalog.schema import ModelEntry
from farm.params.checks.collector import Checked, refused
from farm.params.request.submission import shown
from farm.sentences import Sentence, sentence


def check_whole(field: str, given: int | None, entry: ModelEntry, low: int, high: int) -> Checked[int]:
    """A whole number as asked (or the model's default) within low … high."""
    value: int = entry.defaults.get(field, low) if given is None else given
    if low <= value <= high:
        return value, ()
    return refused(value, field, _between(low, high, entry, value))


def check_real(field: str, given: float | None, entry: ModelEntry, low: float, high: float) -> Checked[float]:
    """A number as asked (or the model's default) within low … high."""
    value: float = entry.defaults.get(field, low) if given is None else given
    if low <= value <= high:
        return float(value), ()
    return refused(low, field, _between(f"{low:g}", f"{high:g}", entry, value))


def check_stop_at_step(stop: int | None, steps: int) -> Checked[int | None]:
    """The step after which a draft is shown, of so many."""
    if stop is None or 1 <= stop < steps:
        return stop, ()
    if steps == 1:
        return refused(None, "stop_at_step", sentence("a render of one step has no draft; leave it out"))
    rule = sentence(
        "must be between 1 and %(most)s, before the last step; seen %(seen)s", most=steps - 1, seen=shown(stop)
    )
    return refused(None, "stop_at_step", rule)


def _between(low: int | str, high: int | str, entry: ModelEntry, seen: float) -> Sentence:
    return sentence(
        "must be between %(low)s and %(high)s for %(model)s; seen %(seen)s",
        low=low, high=high, model=entry.name, seen=shown(seen),
    )  # fmt: skip
