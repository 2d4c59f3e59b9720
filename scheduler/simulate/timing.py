"""How long virtual workers really take; what the farm believes is another thing, and is learnt by the farm."""

from collections.abc import Sequence
from dataclasses import dataclass

from farm.catalog import Catalog
from farm.params import JobRequest, resolve, shape_of
from scheduler.estimates.initial_estimate import forwards, gpu_seconds
from scheduler.simulate.fleet import Speed
from scheduler.simulate.traces.trace import Arrival


@dataclass(frozen=True)
class Kind:
    """What the renders of a job are: seconds of one alone on its device (by the catalog's seed), and its passes."""

    seconds_alone: float
    forwards: int
    guided: bool


class Kinds:
    """The kinds of a trace; each is worked out once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[object, Kind] = {}

    def of(self, arrival: Arrival) -> Kind:
        """What the renders of this arrival are.

        Raises:
            InvalidRequest: the model cannot render this.
        """
        if arrival.kind not in self._known:
            self._known[arrival.kind] = self._work_out(arrival)
        return self._known[arrival.kind]

    def _work_out(self, arrival: Arrival) -> Kind:
        entry = self._catalog.model(arrival.model)
        request = JobRequest.model_validate(request_document(arrival, renders=1))
        parameters = resolve(request, entry, max_renders=1, draw_seed=lambda: 0).renders[0]
        seconds = gpu_seconds(entry, shape_of(parameters, entry), parameters)
        return Kind(seconds, forwards(parameters), getattr(parameters, "guidance_scale", 1.0) > 1.0)


def request_document(arrival: Arrival, *, renders: int, class_name: str | None = None) -> dict[str, object]:
    """The body of the submission that an arrival stands for, with the seeds 0 … renders - 1."""
    document = {
        "model": arrival.model,
        "prompt": "a red circle",
        "seeds": list(range(renders)),
        "class": class_name or arrival.class_name,
        "width": arrival.width,
        "height": arrival.height,
        "num_frames": arrival.frames,
        "num_inference_steps": arrival.steps,
    }
    return {key: value for key, value in document.items() if value is not None}


@dataclass(frozen=True)
class Passes:
    """One batch on a worker: seconds until all its renders are ready, and each one's part of them."""

    seconds: float
    shares: Sequence[float]


def run_batch(alone: Sequence[float], speed: Speed, slowness: float) -> Passes:
    """Render these together, each of which takes `alone` seconds in a batch of one.

    Who has fewer steps leaves earlier, and the passes after it have fewer rows; all are settled at the end. The
    seconds of a pass are divided by its rows.
    """
    rows = len(alone)
    if min(alone) == max(alone):
        seconds = alone[0] * slowness * speed.pass_factor(rows)
        return Passes(seconds, [seconds / rows] * rows)
    shares = [0.0] * rows
    total = before = spent = 0.0
    for left, place in zip(range(rows, 0, -1), sorted(range(rows), key=alone.__getitem__), strict=True):
        seconds = (alone[place] - before) * slowness * speed.pass_factor(left)
        before = alone[place]
        total += seconds
        spent += seconds / left
        shares[place] = spent
    return Passes(total, shares)
