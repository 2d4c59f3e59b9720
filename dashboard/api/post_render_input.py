"""POST /api/v1/renders/{render_id}/input: the output of a finished render, for others to start from."""

from collections.abc import Iterator
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from sqlalchemy import select

from dashboard.api.common import INPUTS, RenderPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.inputs import shown_input
from dashboard.reads.renders import StoredArtifact, artifacts_of, owned_render
from dashboard.schemas import Input
from dashboard.upload_spool import on_disk
from farm.database import read
from farm.errors import Conflict
from farm.sentences import sentence
from farm.storage_keys import ArtifactKind
from farm.tables import Render
from scheduler import uploads

#: Of the prompt, in the name.
_PROMPT_CHARS = 80


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/renders/<render_id>/input", tags=[INPUTS], responses={201: Input, 200: Input})
    def post_render_input(path: RenderPath) -> Response:
        """Take the picture or clip of a finished render as an upload, under its prompt and seed.

        Then name its id as `image` or `video` of a job. Answers 201, or 200 when the project has it already.
        """
        row, new = add_output(path.render_id)
        return reply(shown_input(row), 201 if new else 200)


def add_output(render_id: str) -> tuple[Any, bool]:
    """Take the output of a render of the caller's project as an input; its row, and whether it is new.

    Raises NotFound; Conflict for one that keeps no output; what `scheduler.uploads.add_input` raises.
    """
    with read(farm().engine) as connection:
        render_id = owned_render(connection, principal().project_id, render_id)
        files = artifacts_of(connection, [render_id]).get(render_id, [])
        asked = connection.scalar(select(Render.parameters).where(Render.id == render_id))
    output = next((file for file in files if file.kind == ArtifactKind.OUTPUT.value), None)
    if output is None or asked is None:
        raise Conflict(sentence("Only a render that is done and keeps its output can be started from."))
    with on_disk(_Pieces(farm().storage.pieces(output.key))) as file:
        return uploads.add_input(farm(), principal().project_id, _name(asked, output), file)


class _Pieces:
    """What the storage gives, read as a body is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _: int, /) -> bytes:
        return next(self._pieces, b"")


def _name(asked: dict[str, Any], output: StoredArtifact) -> str:
    suffix = output.filename.rpartition(".")[2]
    return f"{str(asked.get('prompt', ''))[:_PROMPT_CHARS].strip()}, {asked.get('seed')}.{suffix}"
