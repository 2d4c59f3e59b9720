"""GET /api/v1/quota: what the project may have, and what it has."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, reply
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.schemas import Quota
from dashboard.times import iso
from farm.database import read
from scheduler.accounting import quotas


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/quota", tags=[FARM], responses={200: Quota})
    def get_quota() -> Response:
        """Read the limits of your project, and how much of each is used. A limit of null is none."""
        with read(farm().engine) as connection:
            found = quotas.quota_use(connection, principal().project_id, now())
        return reply(
            Quota(
                max_pending=found.max_pending,
                pending=found.waiting.pending,
                max_running=found.max_running,
                running=found.waiting.running,
                gpu_seconds_per_day=found.gpu_seconds_per_day,
                gpu_seconds_today=found.today.gpu_seconds,
                gpu_seconds_admitted=found.waiting.gpu_seconds,
                day_ends=iso(found.day_ends),
                budget=found.budget,
                money_spent=found.spent.money,
                money_admitted=found.waiting.money,
                currency=farm().settings.currency,
                gpu_seconds=found.spent.gpu_seconds,
                watt_hours=found.spent.watt_hours,
                renders=found.spent.renders,
            )
        )
