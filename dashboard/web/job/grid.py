"""The renders of a job as a grid with labelled axes, as the address says; live pages ask for what has changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request
from sqlalchemy import Connection

from dashboard import schemas
from dashboard.grid.axes import Axis, axes_of
from dashboard.grid.labels import Labels, read_labels
from dashboard.grid.layout import Layout, layout
from dashboard.reads.render_files.cells import GridCell, list_cells

#: Seconds that a transaction may take to be seen by others: what changed meanwhile is asked for once more.
_SLACK = 15


@dataclass(frozen=True)
class Grid:
    """What the page draws. Without a layout the job is no grid."""

    axes: Sequence[Axis]
    layout: Layout | None
    cells: Mapping[int, GridCell]  # by index in the job; only changed ones where the page asks for these
    label: Labels  # what stands over a column, or before a row
    changes_only: bool
    since: float  # what the page is to ask for next: changes from then on


def read_grid(connection: Connection, job: schemas.Job, now: float) -> Grid:
    """The grid that the request's address asks for, in three statements at most. Raises InvalidRequest."""
    axes = axes_of(job.request, job.total)
    if not axes:
        return Grid([], None, {}, Labels({}), False, now)
    found = layout(axes, request.args)
    indexes = [found.index(found.row(number), column) for number in found.rows for column in found.columns]
    since = _since()
    cells = list_cells(connection, job.id, indexes, since=since)
    return Grid(axes, found, cells, read_labels(connection, job.id, found), since is not None, now - _SLACK)


def _since() -> float | None:
    try:
        return float(request.args["since"])
    except (KeyError, ValueError):
        return None
