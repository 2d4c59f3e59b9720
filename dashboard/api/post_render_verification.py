"""POST /api/v1/renders/{render_id}/verification: render it again, to see whether it comes out as it was."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath, reply
from dashboard.api.get_render_verification import read_verification
from dashboard.api.post_jobs import IdempotencyHeader
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.schemas import Verification
from scheduler.admission.submit_verification import submit_verification


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/renders/<render_id>/verification", tags=[RENDERS], responses={201: Verification, 200: Verification}
    )
    def post_render_verification(path: RenderPath, header: IdempotencyHeader) -> Response:
        """Have a finished render rendered again with the same parameters, and compared.

        It becomes a job of one render, which waits and is charged as any other. Answers 201, or 200 with the
        verification that is under way already or that the same Idempotency-Key made before.
        """
        who = principal()
        made = submit_verification(
            farm(),
            known_form("render", path.render_id),
            project_id=who.project_id,
            user_id=who.user_id,
            idempotency_key=header.idempotency_key,
        )
        return reply(read_verification(path.render_id), 200 if made.replayed else 201)
