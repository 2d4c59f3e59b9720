"""GET /api/v1/pools/{name}/scaling: how many workers a pool should have, for who starts and stops them (KEDA)."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.context import farm
from dashboard.reads.scaling import list_scaling
from dashboard.schemas import Scaling
from farm.database import read
from farm.errors import NotFound


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/pools/<name>/scaling", tags=[FARM], responses={200: Scaling})
    def get_pool_scaling(path: NamePath) -> Response:
        """Read how many workers a pool should have, and why. For operators; KEDA reads `desired`."""
        with read(farm().engine) as connection:
            scaling = list_scaling(connection, farm().catalog, path.name).get(path.name)
        if scaling is None:
            raise NotFound(
                f"Nobody scales a pool {path.name[:80]!r}: it needs a 'scaling' in the catalog and a running scheduler."
            )
        return reply(scaling)
