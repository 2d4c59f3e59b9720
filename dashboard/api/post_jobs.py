"""POST /api/v1/jobs: submit a job."""

from functools import partial

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field, RootModel

from dashboard.api.common import JOBS, json_body, reply, signed_link
from dashboard.api.prefer_wait import LONGEST_SECONDS, MOST_RENDERS, wait_for_end, wait_seconds
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import body_sha256, read_json
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import list_renders
from dashboard.schemas import Job, Quote, Render, Submitted
from dashboard.schemas.base import RequestPart
from farm.database import autocommit, read
from farm.params import JobRequest
from scheduler.admission import quote, submit
from scheduler.admission.validation_offload import check


class IdempotencyHeader(RequestPart):
    """What makes a submission that is sent twice one job."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        json_schema_extra={"minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
        description="1 to 200 printable ASCII characters. The same key with the same body gives the same job again.",
    )


class SubmissionHeader(IdempotencyHeader):
    """Headers of a submission."""

    prefer: str | None = Field(
        None,
        alias="Prefer",
        description=f"wait=N: answer when the job has ended, or after N seconds (at most {LONGEST_SECONDS}). "
        f"For jobs of up to {MOST_RENDERS} renders; 'Preference-Applied' says that it was done.",
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
        the same Idempotency-Key made before. With `dry_run` nothing is accepted, and 200 brings a quote. With the
        header `Prefer: wait=20` a small job answers when it has ended, with its renders.
        """
        who = principal()
        sent = submit.Sent(
            project_id=who.project_id,
            idempotency_key=header.idempotency_key,
            body_sha256=body_sha256(),
        )
        looked_at = partial(check, farm(), who.project_id, read_json(), draw_seed=submit.draw_seed)
        found = submit.checked(farm(), sent, looked_at)
        if isinstance(found, submit.Submitted):
            return _answer(found, header)
        asked, resolved = found
        if asked.dry_run:
            price = quote.quote(farm(), project_id=who.project_id, request=asked, resolved=resolved)
            return reply(quoted(price))
        made = submit.submit(farm(), **sent, user_id=who.user_id, request=asked, resolved=resolved)
        return _answer(made, header)


def _answer(made: submit.Submitted, header: SubmissionHeader) -> Response:
    """The job as it is, or as it is at its end where that is waited for."""
    project_id = principal().project_id
    seconds = wait_seconds(header.prefer) if len(made.seeds) <= MOST_RENDERS else None
    waited = None if seconds is None else wait_for_end(farm(), project_id, made.job_id, seconds)
    job = waited if waited and waited.finished_at else _read(project_id, made.job_id)
    renders = _ended_renders(job) if waited else None
    answer = Submitted(job=job, notices=list(made.notices), renders=renders)
    headers = {"Location": job.links.self} | ({"Preference-Applied": f"wait={seconds}"} if waited else {})
    return reply(answer, 200 if made.replayed else 201, **headers)


def _read(project_id: str, job_id: str) -> Job:
    with autocommit(farm().engine) as connection:
        return find_job(connection, project_id, job_id)


def _ended_renders(job: Job) -> list[Render] | None:
    if job.finished_at is None:
        return None
    with read(farm().engine) as connection:
        renders, _ = list_renders(
            connection,
            principal().project_id,
            job.id,
            after=-1,
            limit=MOST_RENDERS,
            progress={},
            address_of=signed_link,
        )
    return renders


def quoted(found: quote.Quote) -> Quote:
    """A quote as the API answers it."""
    return Quote.model_validate(found, from_attributes=True)
