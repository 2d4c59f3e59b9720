"""GET /api/v1/pools: which workers serve which lane."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.fleet import list_pools
from dashboard.reads.scaling import list_scaling, with_scaling
from dashboard.schemas import PoolList
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/pools", tags=[FARM], responses={200: PoolList, 304: None})
    def get_pools() -> Response:
        """List the pools with their workers and the caller's unfinished renders."""
        with read(farm().engine) as connection:
            pools = list_pools(connection, principal().project_id)
            return tagged(PoolList(items=with_scaling(pools, list_scaling(connection, farm().catalog))))
