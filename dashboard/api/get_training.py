"""GET /api/v1/trainings/{job_id}: how a training is, and the LoRA that it gave."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath, reply
from dashboard.auth import principal
from dashboard.reads.trainings import find_training
from dashboard.schemas import TrainingState


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/trainings/<job_id>", tags=[JOBS], responses={200: TrainingState})
    def get_training(path: JobPath) -> Response:
        """Read a training: what was asked, how far it is, and when it is done its losses and the LoRA's id."""
        return reply(find_training(principal().project_id, path.job_id))
