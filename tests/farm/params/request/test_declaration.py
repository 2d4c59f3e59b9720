"""A field of a request is declared once: command line, client, form and OpenAPI take it from there."""

import types
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from farm.catalog import load_catalog
from farm.console.submission.request_options import read_typed, takes_request
from farm.params import JobRequest, parameters_schema
from farm.params.families import FAMILIES, Family
from farm.params.request.base import SanaParameters
from farm.params.request.job_fields import JobFields
from farm.params.request.option import Option
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})
#: What a call of the client has beside the fields.
APART = {"model", "prompt", "dry_run"}


class WithTiles(JobRequest):
    """A request with one parameter more."""

    tile_size: Annotated[int | list[int] | None, Option("--tiles", metavar="PIXELS")] = Field(
        None, ge=8, title="Tiles", description="pixels of a tile"
    )


class TiledParameters(SanaParameters):
    """The parameters of a family that uses it."""

    tile_size: int | None = None


def test_one_more_field_is_an_option_with_its_help_its_bounds_and_its_value() -> None:
    seen: list[dict[str, Any]] = []
    app = typer.Typer()

    @app.command()
    @takes_request(WithTiles)
    def submit(model: str, *, wait: bool = False, **typed: Any) -> None:
        seen.append({"model": model, "wait": wait} | read_typed(typed))

    run = CliRunner().invoke
    given = ["sana-demo", "--tiles", "64", "--seed", "7", "--latents", "--wait", "--not-before", "60"]
    assert run(app, given).exit_code == 0
    assert seen == [
        {"model": "sana-demo", "wait": True, "tile_size": 64, "seed": 7, "keep_latents": True, "not_before": 60.0}
    ]
    assert run(app, ["sana-demo", "--tiles", "7"]).exit_code == 2
    told = run(app, ["--help"]).output
    assert "--tiles" in told
    assert "PIXELS" in told
    assert "pixels of a tile" in told


def test_one_more_field_is_in_the_form_of_the_models_that_use_it_and_in_the_openapi(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FAMILIES, "sana", Family(TiledParameters, FAMILIES["sana"].check))  # type: ignore[arg-type]
    tiled = parameters_schema(CATALOG.model("sana-demo"), request=WithTiles)["properties"]
    assert {"title": "Tiles", "description": "pixels of a tile"}.items() <= tiled["tile_size"].items()
    assert tiled["tile_size"]["anyOf"][0] == {"type": ["integer", "null"], "minimum": 8}
    assert "tile_size" not in parameters_schema(CATALOG.model("wan-demo"), request=WithTiles)["properties"]
    assert WithTiles.model_json_schema()["properties"]["tile_size"]["title"] == "Tiles"


def test_the_keywords_of_the_client_are_the_fields_of_a_request_with_their_types() -> None:
    assert _keywords(JobFields) == _fields(JobRequest)
    assert _fields(WithTiles).keys() - _keywords(JobFields).keys() == {"tile_size"}, "the next field is missed"


def test_every_option_stands_once_and_has_its_words() -> None:
    options = signature(takes_request()(lambda: None)).parameters
    told = [get_args(option.annotation)[1] for option in options.values()]
    names = [each.default for each in told]
    assert len(set(names)) == len(names)
    assert all(each.help for each in told)


def _keywords(fields: type[Any]) -> dict[str, frozenset[Any]]:
    return {name: frozenset(get_args(kind)) for name, kind in get_type_hints(fields).items()}


def _fields(request: type[BaseModel]) -> dict[str, frozenset[Any]]:
    """The fields as the client takes them: any sequence or mapping, and None for what is left out."""
    hints = {name: field.annotation for name, field in request.model_fields.items() if name not in APART}
    return {name: frozenset({*_alternatives(kind), types.NoneType}) for name, kind in hints.items()}


def _alternatives(kind: Any) -> list[Any]:
    """What a value may be, one by one."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [each for part in get_args(kind) for each in _alternatives(part)]
    return [_taken(kind)]


def _taken(kind: Any) -> Any:
    """The type that the client takes for one that a request has."""
    inner = [Union[tuple(_alternatives(part))] for part in get_args(kind)]  # noqa: UP007  # of a list
    if get_origin(kind) is list:
        return Sequence[inner[0]]  # type: ignore[valid-type]
    if get_origin(kind) is dict:
        return Mapping[inner[0], inner[1]]  # type: ignore[valid-type]
    return Mapping[str, Any] if isinstance(kind, type) and issubclass(kind, BaseModel) else kind
