"""What a request becomes in SQL: the row of its job and the rows of its renders. Pure, but for fresh ids."""

from collections.abc import Sequence
from typing import Any

from farm.catalog import ModelEntry
from farm.ids import new_id
from farm.lifecycle import JobStatus, RenderStatus
from farm.params import JobRequest, RenderParameters, batch_key, shape_of
from scheduler.estimates import gpu_seconds

TITLE_CHARS = 80
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


def render_rows(job: Row, entry: ModelEntry, renders: Sequence[RenderParameters]) -> list[Row]:
    """The rows of `renders`, pending, in the order of their index; their flow is not known yet."""
    # Sorted, so that ids are in the order of indexes also when the machine's clock stepped back.
    ids = sorted(new_id() for _ in renders)
    common = {
        "job_id": job["id"],
        "project_id": job["project_id"],
        "lane": entry.lane,
        "status": RenderStatus.PENDING.value,
        "created_at": job["created_at"],
    }
    derived: dict[str, Row] = {}
    rows = []
    for index, parameters in enumerate(renders):
        document = parameters.model_dump(mode="json")
        # Renders that differ in prompt and seed only, nearly always all of a job, share what follows from the rest.
        alike = repr([value for name, value in document.items() if name not in VARYING])
        if parameters.deterministic or alike not in derived:
            derived[alike] = _derived(parameters, entry)
        rows.append(common | derived[alike] | {"id": ids[index], "index": index, "parameters": document})
    return rows


def _derived(parameters: RenderParameters, entry: ModelEntry) -> Row:
    """What follows from parameters other than the prompt and the seed; for deterministic renders from all."""
    shape = shape_of(parameters, entry)
    return {
        "batch_key": batch_key(parameters, entry),
        "width": shape.width,
        "height": shape.height,
        "frames": shape.frames,
        "estimate": gpu_seconds(entry, shape, parameters),
        "company": 1 if parameters.deterministic else None,
    }


def shortened(prompt: str) -> str:
    """A prompt as a title: one line of at most TITLE_CHARS characters."""
    line = " ".join(prompt.split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"
