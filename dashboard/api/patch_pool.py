"""PATCH /api/v1/pools/{name}: how many workers the autoscaler may give a pool."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import FARM, NamePath, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.fleet import list_pools
from dashboard.reads.scaling import list_scaling, with_scaling
from dashboard.schemas import Pool
from farm.database import read
from scheduler.autoscale.scale_limits import MOST, ScaleLimits, change_limits


class PoolChange(BaseModel):
    """What is to be different; what is left out stays, null is what the catalog says."""

    model_config = ConfigDict(extra="forbid", strict=True)
    minimum: int | None = Field(None, ge=0, le=MOST, description="Workers at the least")
    maximum: int | None = Field(None, ge=0, le=MOST, description="Workers at the most; 0: none")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.patch(
        "/pools/<name>", tags=[FARM], responses={200: Pool}, openapi_extensions=json_body(blueprint, PoolChange)
    )
    def patch_pool(path: NamePath) -> Response:
        """Limit how many workers the autoscaler gives a pool, from its next decision on. For operators.

        The budget of the day and the policy still count. A pool that nobody scales is refused.
        """
        asked = PoolChange.model_validate(read_json())
        change_limits(farm(), path.name, ScaleLimits(asked.minimum, asked.maximum), asked.model_fields_set)
        with read(farm().engine) as connection:
            pools = list_pools(connection, principal().project_id)
            shown = with_scaling(pools, list_scaling(connection, farm().catalog, path.name))
        return reply(next(pool for pool in shown if pool.name == path.name))
