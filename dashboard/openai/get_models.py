"""GET /v1/models and /v1/models/{model}: what may be asked for here."""

from typing import Literal

from flask import Blueprint, Response
from pydantic import BaseModel

from dashboard.api.common import reply
from dashboard.context import farm
from dashboard.openai.translation import makes_clips
from farm.catalog import ModelEntry


class Model(BaseModel):
    """A model in their words, and what it makes."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0  # the catalog keeps no dates
    owned_by: str
    title: str
    makes: Literal["images", "videos"]


class ModelList(BaseModel):
    """All models; there are no pages."""

    object: Literal["list"] = "list"
    data: list[Model]


def register(blueprint: Blueprint) -> None:
    """Add these endpoints."""

    @blueprint.get("/models")
    def get_models() -> Response:
        """List the models of the catalog."""
        return reply(ModelList(data=[_shown(entry) for entry in farm().catalog.models.values()]))

    @blueprint.get("/models/<model>")
    def get_model(model: str) -> Response:
        """Read one."""
        return reply(_shown(farm().catalog.model(model)))


def _shown(entry: ModelEntry) -> Model:
    makes: Literal["images", "videos"] = "videos" if makes_clips(entry) else "images"
    return Model(id=entry.name, owned_by="latent-farm", title=entry.title, makes=makes)
