"""GET /api/v1/models: what may be asked of which model."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM
from dashboard.api.versions import tagged
from dashboard.context import farm
from dashboard.schemas import Model, ModelList
from farm.params.forms import parameters_schema


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/models", tags=[FARM], responses={200: ModelList, 304: None})
    def get_models() -> Response:
        """List the models with their limits, defaults and offered sizes."""
        catalog = farm().catalog
        items = [
            Model(
                name=entry.name,
                title=entry.title,
                family=entry.family,
                precision=entry.precision,
                sizes=[(width, height) for width, height in entry.sizes],
                defaults=entry.defaults,
                parameters=parameters_schema(entry, farm().settings.class_shares),
                pools=[pool.name for pool in catalog.pools.values() if pool.model == entry.name],
            )
            for entry in catalog.models.values()
        ]
        return tagged(ModelList(items=items))
