"""GET /api/v1/lanes/history: what waited in each lane, over time."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import FARM, reply
from dashboard.context import farm, now
from dashboard.reads.farm.lane_history import lane_histories
from dashboard.schemas import LaneHistoryList
from dashboard.schemas.base import RequestPart
from farm.database import read
from scheduler.maintenance.record_samples import LANES_KEPT_SECONDS


class HistoryQuery(RequestPart):
    """How far back."""

    model_config = ConfigDict(extra="forbid")
    seconds: float = Field(3600.0, ge=60, le=LANES_KEPT_SECONDS, description="So far back from now")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/lanes/history", tags=[FARM], responses={200: LaneHistoryList})
    def get_lanes_history(query: HistoryQuery) -> Response:
        """List how much waited in each lane, at 60 points of time at the most. For operators."""
        with read(farm().engine) as connection:
            return reply(LaneHistoryList(items=lane_histories(connection, now(), query.seconds)))
