"""What a request becomes in SQL: the row of its job and the rows of its renders. Pure, but for fresh ids."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from farm.catalog import ModelEntry
from farm.ids import new_id
from farm.lifecycle import JobStatus, RenderStatus
from farm.params import JobRequest, RenderParameters, Renders, batch_key, drawn_from, shape_of
from scheduler.batching.sealed_batches import initial_batch_limit
from scheduler.estimates.estimator import Estimator, seeded

TITLE_CHARS = 80
#: So many are made in a few milliseconds.
FEW_ROWS = 20
#: Parameters that batch key, shape and estimate do not depend on.
VARYING = frozenset({"prompt", "seed"})

Row = dict[str, Any]


def job_row(
    request: JobRequest,
    entry: ModelEntry,
    renders: Sequence[RenderParameters],
    *,
    project_id: str,
    user_id: str | None,
    now: float,
) -> Row:
    """The row of `jobs`, open at version 1; its flow is not known yet."""
    return {
        "id": new_id(),
        "project_id": project_id,
        "user_id": user_id,
        "lane": entry.lane,
        "model": entry.name,
        "title": request.title or shortened(renders[0].prompt),
        "status": JobStatus.OPEN.value,
        "version": 1,
        "request": request.model_dump(mode="json", by_alias=True, exclude_none=True),
        "renders_total": len(renders),
        "created_at": now,
    }


def render_rows(
    job: Row,
    entry: ModelEntry,
    renders: Sequence[RenderParameters],
    estimator: Estimator | None = None,
    *,
    first_index: int = 0,
) -> list[Row]:
    """The rows of `renders`, pending, in the order of their index, the first of which is `first_index`.

    Their flow is not known yet. `estimator`: what the farm has learnt; none: the catalog's formula.
    """
    estimator = estimator or seeded(entry)
    # Sorted, so that ids are in the order of indexes also when the machine's clock stepped back.
    ids = sorted(new_id() for _ in renders)
    common = {
        "job_id": job["id"],
        "project_id": job["project_id"],
        "lane": entry.lane,
        "status": RenderStatus.PENDING.value,
        "created_at": job["created_at"],
    }
    shared: dict[Any, Row] = {}
    rows = []
    for index, (alike, kind, document) in enumerate(_documents(renders)):
        # Renders that differ in prompt and seed only, nearly always all of a job, share what follows from the rest.
        values = shared.get(kind)
        if values is None or alike.deterministic:
            parameters = drawn_from(alike, document["prompt"], document["seed"])
            values = shared[kind] = common | derived(parameters, entry, estimator)
        rows.append({**values, "id": ids[index], "index": first_index + index, "parameters": document})
    return rows


def _documents(renders: Sequence[RenderParameters]) -> Iterator[tuple[RenderParameters, Hashable, Row]]:
    """For each render one that is alike but for prompt and seed, what says of which kind it is, and its document."""
    if isinstance(renders, Renders):
        for alike, document in renders.documents():
            yield alike, id(alike), document
        return
    for parameters in renders:
        # The document as it lies in the model: a copy of ten thousand would be a tenth of all work here.
        yield parameters, _alike(parameters), parameters.document()


def _alike(parameters: RenderParameters) -> Hashable:
    values = _others(type(parameters))(parameters.__dict__)
    try:
        hash(values)
    except TypeError:  # a parameter of a plugin's family that is a list
        return repr(values)
    return values


@cache
def _others(kind: type[RenderParameters]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return itemgetter(*(name for name in kind.model_fields if name not in VARYING))


def derived(parameters: RenderParameters, entry: ModelEntry, estimator: Estimator) -> Row:
    """What follows from parameters other than the prompt and the seed; for deterministic renders from all."""
    shape = shape_of(parameters, entry)
    return {
        "batch_key": batch_key(parameters, entry),
        "width": shape.width,
        "height": shape.height,
        "frames": shape.frames,
        "estimate": estimator.gpu_seconds(entry, shape, parameters),
        "batch_limit": initial_batch_limit(parameters.__dict__),
    }


def shortened(prompt: str) -> str:
    """A prompt as a title: one line of at most TITLE_CHARS characters."""
    line = " ".join(prompt.split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"
