"""POST /api/v1/jobs: submit a job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field, RootModel

from dashboard.api.common import JOBS, json_body, reply
from dashboard.auth import principal
from dashboard.bodies import body_sha256, read_json
from dashboard.context import farm
from dashboard.reads.jobs import find_job
from dashboard.schemas import Quote, Submitted
from farm.database import read
from farm.params import JobRequest
from scheduler.admission import quote, submit
from scheduler.admission.request_validation import check


class SubmissionHeader(BaseModel):
    """Headers of a submission."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        description="1 to 200 printable ASCII characters. The same key with the same body gives the same job again.",
    )


class SubmittedOrQuote(RootModel[Submitted | Quote]):
    """The job that was made before, or the answer to a dry run."""


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/jobs",
        tags=[JOBS],
        responses={201: Submitted, 200: SubmittedOrQuote},
        openapi_extensions=json_body(blueprint, JobRequest),
    )
    def post_jobs(header: SubmissionHeader) -> Response:
        """Submit a job: one or many prompts, each with one or many seeds.

        Any parameter may be a list; every combination is rendered. Answers 201 with the job, or 200 with the job that
        the same Idempotency-Key made before. With `dry_run` nothing is accepted, and 200 brings a quote.
        """
        who = principal()
        asked, resolved = check(farm(), who.project_id, read_json(), draw_seed=submit.draw_seed)
        if asked.dry_run:
            found = quote.quote(farm(), project_id=who.project_id, request=asked, resolved=resolved)
            return reply(quoted(found))
        made = submit.submit(
            farm(),
            project_id=who.project_id,
            user_id=who.user_id,
            request=asked,
            idempotency_key=header.idempotency_key,
            body_sha256=body_sha256(),
            resolved=resolved,
        )
        with read(farm().engine) as connection:
            job = find_job(connection, who.project_id, made.job_id)
        answer = Submitted(job=job, notices=list(made.notices))
        return reply(answer, 200 if made.replayed else 201, Location=job.links.self)


def quoted(found: quote.Quote) -> Quote:
    """A quote as the API answers it."""
    return Quote.model_validate(found, from_attributes=True)
