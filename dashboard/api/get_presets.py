"""GET /api/v1/presets: what one keeps of the Submit form."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.presets import shown_preset
from dashboard.schemas import PresetList
from farm.database import read
from scheduler.gallery.presets import list_presets


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/presets", tags=[JOBS], responses={200: PresetList})
    def get_presets() -> Response:
        """List your own presets in this project, by name."""
        who = principal()
        with read(farm().engine) as connection:
            rows = list_presets(connection, who.project_id, who.user_id)
        return reply(PresetList(items=[shown_preset(row) for row in rows]))
