"""POST /api/v1/trainings: train a LoRA."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, json_body, reply
from dashboard.api.post_jobs import SubmissionHeader
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import body_sha256, read_json
from dashboard.reads.jobs import find_job
from dashboard.schemas import Submitted
from farm.database import read
from farm.params.training.request import TrainingRequest
from scheduler.admission.submit_training import submit_training


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/trainings",
        tags=[JOBS],
        responses={201: Submitted, 200: Submitted},
        openapi_extensions=json_body(blueprint, TrainingRequest),
    )
    def post_trainings(header: SubmissionHeader) -> Response:
        """Train a LoRA of a model from uploaded pictures with captions.

        It becomes a job of one render, whose output is a sheet of samples and whose artifact `adapter` is the LoRA;
        when it is done the project has that among its inputs, to name in `loras`. Answers 201 with the job, or 200
        with the job that the same Idempotency-Key made before.
        """
        who = principal()
        made = submit_training(
            farm(),
            project_id=who.project_id,
            user_id=who.user_id,
            document=read_json(),
            idempotency_key=header.idempotency_key,
            body_sha256=body_sha256(),
        )
        with read(farm().engine) as connection:
            job = find_job(connection, who.project_id, made.job_id)
        answer = Submitted(job=job, notices=list(made.notices), renders=None)
        return reply(answer, 200 if made.replayed else 201, Location=job.links.self)
