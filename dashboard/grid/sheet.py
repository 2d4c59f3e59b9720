"""A part of a job's grid as a contact sheet: which renders, and the picture of them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from dashboard import schemas
from dashboard.grid.axes import Axis, axes_of
from dashboard.grid.labels import Labels, read_labels
from dashboard.grid.layout import Layout, layout
from dashboard.reads.render_files.cells import GridCell, list_cells
from farm.contact_grid import GridRow, contact_grid, drawable
from farm.contact_sheet import encode_sheet, shrunk
from farm.errors import Conflict

#: Of one sheet, as of every other.
MOST_COLUMNS, MOST_CELLS = 20, 100
_FEW_COLUMNS, _EDGE_OF_FEW, _EDGE_OF_MANY = 6, 160, 96  # pixels


@dataclass(frozen=True)
class GridSheet:
    """What stands on the sheet, without the pictures."""

    shown: Layout
    label: Labels
    cells: Mapping[int, GridCell]  # by index in the job

    def picture(self, files: Mapping[int, bytes]) -> bytes:
        """The sheet as WebP. `files`: thumbnails, by index in the job; one that is no picture is left empty."""
        shown = self.shown
        edge = _EDGE_OF_FEW if len(shown.columns) <= _FEW_COLUMNS else _EDGE_OF_MANY
        rows, deep_before = [], None
        for number in shown.rows:
            row = shown.row(number)
            pictures = [_opened(files.get(shown.index(row, column)), edge) for column in shown.columns]
            heading = ""
            if shown.z and row.deep != deep_before:
                heading, deep_before = f"{shown.z.title}: {self._text(shown.z, row.deep)}", row.deep
            rows.append(GridRow(self._text(shown.y, row.down) if shown.y else "", pictures, heading))
        title = f"{_title(shown.x)} across" + (f"\n{_title(shown.y)} down" if shown.y else "")
        columns = [self._text(shown.x, column) for column in shown.columns]
        edges = [max(picture.size) for row in rows for picture in row.pictures if picture is not None]
        return encode_sheet(contact_grid(title, columns, rows, cell=max(edges, default=edge)), ".webp", quick=True)

    def _text(self, axis: Axis, place: int) -> str:
        return drawable(self.label(axis, place), f"{_title(axis)} {place + 1}")


def read_grid_sheet(connection: Connection, job: schemas.Job, asked: MultiDict[str, str]) -> GridSheet:
    """The sheet that an address asks for, in two statements. Raises InvalidRequest, and Conflict for no grid."""
    axes = axes_of(job.request, job.total)
    if not axes:
        raise Conflict("The renders of this job are no grid: no list made them, or they came in a file.")
    shown = layout(axes, asked, most_columns=MOST_COLUMNS, most_cells=MOST_CELLS)
    indexes = [shown.index(shown.row(number), column) for number in shown.rows for column in shown.columns]
    return GridSheet(shown, read_labels(connection, job.id, shown), list_cells(connection, job.id, indexes))


def _opened(file: bytes | None, edge: int) -> Image.Image | None:
    try:
        return None if file is None else shrunk(io.BytesIO(file), edge)
    except OSError:  # not a whole picture
        return None


def _title(axis: Axis) -> str:
    return drawable(axis.title, "variable")
