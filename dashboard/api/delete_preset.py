"""DELETE /api/v1/presets/{preset_id}: forget a preset."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from dashboard.api.common import JOBS
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from scheduler.gallery.presets import remove_preset


class PresetPath(BaseModel):
    """The address of a preset."""

    preset_id: str = Field(description="The preset's id", json_schema_extra={"format": "uuid"})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/presets/<preset_id>", tags=[JOBS], responses={204: None})
    def delete_preset(path: PresetPath) -> Response:
        """Forget one of your own presets."""
        who = principal()
        remove_preset(farm().engine, who.project_id, who.user_id, known_form("preset", path.preset_id))
        return Response(status=204)
