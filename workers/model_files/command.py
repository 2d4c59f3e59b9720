"""`farm models list | pull | verify | lock | accept | rm`: the models of the catalog, their files on this machine."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from farm.catalog import Catalog, ModelEntry, load_catalog
from farm.console.completion import complete_own_model
from farm.console.error_output import ExitCode, print_error
from farm.console.output import JsonOption, answer, out, print_json, say
from farm.console.tables import print_list
from farm.errors import FarmError
from farm.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.model_files.check_files import Checked

Found = TypeVar("Found")
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Models of the catalog; none: all that a pool serves.", autocompletion=complete_own_model),
]
Model = Annotated[str, typer.Argument(help="A model of the catalog.", autocompletion=complete_own_model)]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(models(), name="models")


def models() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True, help="The models of the catalog and their files on this machine.")
    group.callback()(_needs)
    group.command("list")(list_models)
    group.command("pull")(pull)
    group.command("verify")(verify)
    group.command("lock")(lock)
    group.command("accept")(accept)
    group.command("rm")(rm)
    return group


def _needs() -> None:
    """What a control node does not have."""
    if find_spec("huggingface_hub") is None:
        raise FarmError("Models are fetched where they are rendered: pip install 'latent-farm[worker]'.")


def list_models(as_json: JsonOption = False) -> None:
    """List the models, where they come from, and whether their files are on this machine. Nobody is asked."""
    from workers.model_files.cached import look

    settings = load_settings()
    catalog = load_catalog(settings)
    rows, values = [], []
    for name, entry in sorted(catalog.models.items()):
        found = look(entry, settings)
        size = f"{found.size / 1e9:.2f} GB" if found.size else "-"
        pools = ", ".join(pool.name for pool in catalog.pools_of(name))
        values.append(
            {
                "model": name,
                "source": source_of(entry),
                "files": found.state,
                "size": found.size,
                "locked": bool(entry.lock),
                "pools": [pool.name for pool in catalog.pools_of(name)],
            }
        )
        rows.append([name, source_of(entry), found.state, size, "yes" if entry.lock else "-", pools or "-"])
    if as_json:
        print_json(values)
        return
    print_list(["model", "source", "files", "size", "locked", "pools"], rows, nothing="The catalog has no models.")


def pull(names: Names = None, as_json: JsonOption = False) -> None:
    """Fetch models before workers need them, and check every file; what is damaged is fetched again."""
    from workers.model_files.pull import pull as fetch_whole

    settings, entries = _chosen(names)
    found: dict[str, Checked | None] = {}
    for entry in entries:
        say(f"{entry.name}: {source_of(entry)} …")
        found[entry.name] = _tried(entry, lambda entry=entry: fetch_whole(entry, settings))  # type: ignore[misc]
        _report(entry, found[entry.name], "is here and as it should be", as_json)
    _end(found, as_json)


def verify(names: Names = None, as_json: JsonOption = False) -> None:
    """Read every file of models that are here and compare it with what its source, the lock and the first load say."""
    from workers.model_files.verify_files import verify as read_whole

    settings, entries = _chosen(names)
    found: dict[str, Checked | None] = {}
    for entry in entries:
        found[entry.name] = _tried(entry, lambda entry=entry: read_whole(entry, settings))  # type: ignore[misc]
        _report(entry, found[entry.name], "is as it should be", as_json)
    _end(found, as_json)


def lock(
    names: Names = None,
    write: Annotated[
        Path | None, typer.Option(help="A catalog file to write the locks to; those of other models in it stay.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Pin models to what their source has now: the commit and the sha256 of each file, as a file of the catalog."""
    from workers.model_files.lock import add_locks, as_yaml, lock_of

    settings, entries = _chosen(names)
    locks = {}
    for entry in entries:
        found = _tried(entry, lambda entry=entry: lock_of(entry, settings))  # type: ignore[misc]
        if found is None:
            raise typer.Exit(ExitCode.FAILED)
        locks[entry.name] = found
    if write is not None:
        add_locks(write, locks)
    if as_json:
        print_json({"models": locks, "file": write})
        return
    if write is None:
        typer.echo(as_yaml({"models": locks}), nl=False)
        return
    say(f"{len(locks)} models are locked in {write}.")
    if write.resolve() not in {path.resolve() for path in settings.catalog}:
        say("Name that file in FARM_CATALOG, after your other files, for it to be read.")


def accept(name: Model, as_json: JsonOption = False) -> None:
    """Say that the folder of a model is right as it is here now, after a change: workers are held to that."""
    from workers.model_files.first_loads import FirstLoads

    settings, [entry] = _chosen([name])
    changed = _tried(entry, lambda: FirstLoads(settings).accept(entry))
    if changed is None:
        raise typer.Exit(ExitCode.FAILED)
    for difference in changed.values():
        say(f"{name}: {difference}")
    words = f"{name}: is accepted as it is here ({len(changed)} files are not as they were)"
    answer(as_json, {"model": name, "changed": changed}, words)


def rm(name: Model, as_json: JsonOption = False) -> None:
    """Remove a model's files from this machine; the catalog still has it, and it can be fetched again."""
    from workers.model_files.remove import remove

    settings, [entry] = _chosen([name])
    freed = _tried(entry, lambda: remove(entry, settings))
    if freed is None:
        raise typer.Exit(ExitCode.FAILED)
    answer(as_json, {"model": name, "freed": freed}, f"{name}: {freed / 1e9:.2f} GB are free again")


def source_of(entry: ModelEntry) -> str:
    """'owner/name@revision', or the folder."""
    source = entry.source
    return f"{source.repo}@{source.revision}" if source.repo else source.path or ""


def _chosen(names: list[str] | None) -> tuple[Settings, list[ModelEntry]]:
    """The entries by name. Raises UnknownModel."""
    settings = load_settings()
    catalog: Catalog = load_catalog(settings)
    wanted = names or sorted({pool.model for pool in catalog.pools.values()})
    return settings, [catalog.model(name) for name in dict.fromkeys(wanted)]


def _tried(entry: ModelEntry, action: "Callable[[], Found]") -> Found | None:
    """What the action gives; None, and the reason on stderr, where the files cannot be had."""
    from workers.model_files.download_result import FetchFailed
    from workers.model_files.weights import BadWeights

    try:
        return action()
    except (FetchFailed, BadWeights) as error:
        print_error(error if isinstance(error, FarmError) else FarmError(str(error)), entry.name)
        return None


def _report(entry: ModelEntry, checked: "Checked | None", good: str, as_json: bool) -> None:
    """Say what is wrong, or that nothing is."""
    if checked is None or as_json:
        return
    for reason in checked.wrong.values():
        say(f"{entry.name}: {reason}", "red")
    if not checked.wrong:
        out().print(f"{entry.name}: {good} ({len(checked.sha256)} files)")


def _end(found: "dict[str, Checked | None]", as_json: bool) -> None:
    """The answer as JSON, and the exit code 1 when a model is not as it should be."""
    if as_json:
        print_json(
            {
                name: {"ok": False, "files": 0, "wrong": {}}
                if checked is None
                else {"ok": not checked.wrong, "files": len(checked.sha256), "wrong": checked.wrong}
                for name, checked in found.items()
            }
        )
    if any(checked is None or checked.wrong for checked in found.values()):
        raise typer.Exit(ExitCode.FAILED)
