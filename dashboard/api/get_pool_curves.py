"""GET /api/v1/pools/{name}/curves: what batches bring, as it was measured."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath
from dashboard.api.versions import tagged
from dashboard.context import farm
from dashboard.reads.curves import list_curves
from dashboard.schemas import BatchCurveList
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/pools/<name>/curves", tags=[FARM], responses={200: BatchCurveList, 304: None})
    def get_pool_curves(path: NamePath) -> Response:
        """Read the batch curves of a pool: renders per second by batch size, for each device and shape."""
        with read(farm().engine) as connection:
            return tagged(BatchCurveList(items=list_curves(connection, farm().catalog, path.name)))
