"""GET /api/v1/jobs/{job_id}/sheet: what a job has made, small, on one picture."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field
from werkzeug.datastructures import MultiDict

from dashboard.api.common import JOBS, JobPath, Line
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.grid.sheet import read_grid_sheet
from dashboard.reads.jobs import find_job
from dashboard.reads.render_files.sheets import MOST_TILES, Tile, list_tiles
from dashboard.schemas.base import RequestPart
from farm.contact_sheet import Cell, contact_sheet, encode_sheet, line_below, shrunk
from farm.database import read
from farm.errors import Conflict, NotFound
from farm.storage import Storage

#: All sheets have about the same room: few pictures are as large as thumbnails are, many half as large.
_FEW = 25
_EDGE_OF_FEW, _EDGE_OF_MANY = 320, 160  # pixels
_LEAST_CELL = 160  # pixels: in less, place and score have no room
_MOST_WIDTH = 1100  # pixels: what a page shows without making it smaller
_AT_ONCE = 8  # thumbnails that are fetched side by side


class SheetQuery(RequestPart):
    """Which renders."""

    model_config = ConfigDict(extra="forbid")
    after: int = Field(-1, ge=-1, le=2**31 - 1, description="Only renders with an index above this one")
    limit: int = Field(MOST_TILES, ge=1, le=MOST_TILES, description="Most pictures on the sheet")
    x: Line | None = Field(
        None,
        description="Draw a grid; the axis from left to right: guidance_scale, seed, prompt, {colour} …",
    )
    y: Line | None = Field(None, description="The axis from top to bottom; '' for none")
    z: Line | None = Field(None, description="The axis of the grids one below the other; '' for none")
    at: list[Line] = Field([], description="NAME:PLACE, the value of another axis; by default its first, which is 0")
    row: int | None = Field(None, ge=0, description="Where the grid begins")
    column: int | None = Field(None, ge=0, description="Where the grid begins")

    def grid_asked(self) -> MultiDict[str, str] | None:
        """What is asked of the grid; None: for a sheet without axes."""
        asked = self.model_dump(exclude={"after", "limit"}, exclude_none=True, exclude_defaults=True)
        return MultiDict({name: value if name == "at" else str(value) for name, value in asked.items()}) or None


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""
    picture: dict[str, Any] = {
        "description": "A picture of at most 1,100 × 3,300 pixels, a grid of at most 2,400 × 16,000",
        "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
    }

    @blueprint.get("/jobs/<job_id>/sheet", tags=[JOBS], responses={200: picture})
    def get_job_sheet(path: JobPath, query: SheetQuery) -> Response:
        """Read one picture (WebP) with the thumbnails of the job's first renders that are done, in its order.

        Below each stands its place in the job, counted from 1, and its seed, or its score where it has one. 409 while
        nothing is done. With `x` it is a grid with labelled axes of at most 100 cells, empty where nothing is done yet.
        """
        if (asked := query.grid_asked()) is not None:
            return Response(_grid(path.job_id, asked), content_type="image/webp")
        with read(farm().engine) as connection:
            job = find_job(connection, principal().project_id, path.job_id)
            tiles = list_tiles(connection, job.id, after=query.after, limit=min(query.limit, job.done))
        files = _files(farm().storage, tiles)
        sheet = farm().cpu_work(partial(_sheet, files))
        if not sheet:
            behind = f" behind index {query.after}" if query.after >= 0 else ""
            raise Conflict(f"Nothing of this job is done{behind}, so there is no sheet of it (yet).")
        return Response(sheet, content_type="image/webp")


def _grid(job_id: str, asked: MultiDict[str, str]) -> bytes:
    """Raises InvalidRequest, NotFound, Conflict or StorageDown."""
    with read(farm().engine) as connection:
        job = find_job(connection, principal().project_id, job_id)
        sheet = read_grid_sheet(connection, job, asked)
    keys = {index: cell.key for index, cell in sheet.cells.items() if cell.key is not None}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(partial(_file, farm().storage), keys.values())
        files = {index: file for index, file in zip(keys, found, strict=True) if file is not None}
    return farm().cpu_work(partial(sheet.picture, files))


def _files(storage: Storage, tiles: Sequence[Tile]) -> list[tuple[Tile, bytes]]:
    """The thumbnails, without those that are gone meanwhile. Raises StorageDown."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(partial(_file, storage), [tile.thumbnail for tile in tiles])
        return [(tile, file) for tile, file in zip(tiles, found, strict=True) if file is not None]


def _file(storage: Storage, thumbnail: str) -> bytes | None:
    try:
        return storage.get(thumbnail)
    except NotFound:  # the job was just removed: files go before rows
        return None


def _sheet(files: Sequence[tuple[Tile, bytes]]) -> bytes:
    """The sheet as WebP, written quickly. Empty where no thumbnail is a whole picture."""
    edge = _EDGE_OF_FEW if len(files) <= _FEW else _EDGE_OF_MANY
    cells = [cell for tile, file in files if (cell := _cell(edge, tile, file)) is not None]
    if not cells:
        return b""
    sheet = contact_sheet(cells, least_cell=_LEAST_CELL, most_width=_MOST_WIDTH)
    return encode_sheet(sheet, ".webp", quick=True)


def _cell(edge: int, tile: Tile, file: bytes) -> Cell | None:
    seed = tile.seed if tile.score is None else None  # both would not fit below a small picture
    line = line_below(tile.index, seed=seed, score=tile.score, kept=tile.kept)
    try:
        return Cell(shrunk(io.BytesIO(file), edge), line)
    except OSError:  # not a whole picture: its tile is missing, as if it were gone
        return None
