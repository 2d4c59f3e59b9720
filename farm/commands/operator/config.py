"""`farm config check | show`: the settings and the catalog as this machine sees them, and where each value is from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.text import Text

from farm.catalog import Catalog, load_catalog
from farm.console.output import JsonOption, out, print_json
from farm.did_you_mean import did_you_mean
from farm.errors import NotFound
from farm.provenance.rules import read_rules
from farm.settings import Settings, load_settings

MASK = "********"
Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file with settings; default: $FARM_CONFIG.")]


@dataclass(frozen=True)
class Shown:
    """One value: its dotted path, the value (secrets masked), and where it came from."""

    path: str
    value: Any
    origin: str


def register(app: typer.Typer) -> None:
    """Add `farm config` to the command."""
    group = typer.Typer(no_args_is_help=True, help="Check and show the settings and the model catalog.")
    group.command("check")(check)
    group.command("show")(show)
    app.add_typer(group, name="config")


def check(config: Config = None, as_json: JsonOption = False) -> None:
    """Read all settings and the catalog; list every fault, or say what is there."""
    settings = load_settings(config)
    read_rules(settings)
    catalog = load_catalog(settings)
    served = {pool.model for pool in catalog.pools.values()}
    if as_json:
        print_json(_counted(settings, catalog, served))
        return
    console = out()
    console.print(
        f"Settings and catalog are right: {len(catalog.models)} models, {len(catalog.pools)} pools, "
        f"environment {settings.environment or 'none'}."
    )
    for name, folder in _missing(catalog, served).items():
        console.print(f"Note: the weights of {name} are not here: {folder}", style="yellow")
    if idle := sorted(set(catalog.models) - served):
        console.print(f"No pool serves: {', '.join(idle)}.")


def _counted(settings: Settings, catalog: Catalog, served: set[str]) -> dict[str, Any]:
    """What `farm config check` finds."""
    return {
        "ok": True,
        "environment": settings.environment,
        "models": len(catalog.models),
        "pools": len(catalog.pools),
        "missing_weights": _missing(catalog, served),
        "unserved_models": sorted(set(catalog.models) - served),
    }


def _missing(catalog: Catalog, served: set[str]) -> dict[str, Path]:
    """The folders of weights that are named and not here, by the model."""
    folders = {name: catalog.models[name].source.folder() for name in sorted(served)}
    return {name: folder for name, folder in folders.items() if folder is not None and not folder.is_dir()}


def show(
    part: Annotated[
        str, typer.Argument(help="a part: settings, models, pools, models.sana-demo, settings.lease_seconds …")
    ] = "",
    config: Config = None,
    as_json: JsonOption = False,
) -> None:
    """Print the merged settings and catalog with where each value came from; secrets are masked."""
    settings = load_settings(config)
    values = list(every_value(settings, load_catalog(settings)))
    chosen = [value for value in values if not part or f"{value.path}.".startswith(f"{part.rstrip('.')}.")]
    if not chosen:
        raise NotFound(f"nothing is called {part!r}; {did_you_mean(part, _parts(values), show=5)}")
    if as_json:
        print_json({value.path: {"value": value.value, "origin": value.origin} for value in chosen})
        return
    console = out()
    for value in chosen:
        text = json.dumps(value.value, ensure_ascii=False)
        console.print(Text.assemble(f"{value.path}: {text}", (f"  # {value.origin}", "dim")))


def every_value(settings: Settings, catalog: Catalog) -> Iterator[Shown]:
    """All settings, models and pools, value by value."""
    for field in type(settings).model_fields:
        yield Shown(f"settings.{field}", _plain(getattr(settings, field)), settings.origin(field))
    for section, entries in (("models", catalog.models), ("pools", catalog.pools)):
        for name, entry in entries.items():
            values = entry.model_dump(mode="json", exclude={"name"})
            for path, value in _leaves(f"{section}.{name}", values):
                yield Shown(path, value, catalog.origin(path))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value


def _plain(value: Any) -> Any:
    """A setting as JSON has it. Also the address of a server may hold a password."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and "://" in value and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://{MASK}@{rest.rpartition('@')[2]}"
    return value


def _parts(values: list[Shown]) -> set[str]:
    """Every path and every beginning of one."""
    parts = set()
    for value in values:
        keys = value.path.split(".")
        parts |= {".".join(keys[: depth + 1]) for depth in range(len(keys))}
    return parts
