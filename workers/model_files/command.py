"""`farm models list | pull | verify | lock | accept | rm`: the models of the catalog, their files on this machine."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from farm.catalog import Catalog, ModelEntry, load_catalog
from farm.console.session import ExitCode, out, say
from farm.console.tables import print_list
from farm.errors import FarmError
from farm.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.model_files.check_files import Checked

Found = TypeVar("Found")
Names = Annotated[list[str] | None, typer.Argument(help="Models of the catalog; none: all that a pool serves.")]
Model = Annotated[str, typer.Argument(help="A model of the catalog.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(models(), name="models")


def models() -> typer.Typer:
    """The group of verbs."""
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


def list_models() -> None:
    """List the models, where they come from, and whether their files are on this machine. Nobody is asked."""
    from workers.model_files.cached import look

    settings = load_settings()
    catalog = load_catalog(settings)
    rows = []
    for name, entry in sorted(catalog.models.items()):
        found = look(entry, settings)
        size = f"{found.size / 1e9:.2f} GB" if found.size else "-"
        pools = ", ".join(pool.name for pool in catalog.pools_of(name))
        rows.append([name, source_of(entry), found.state, size, "yes" if entry.lock else "-", pools or "-"])
    print_list(["model", "source", "files", "size", "locked", "pools"], rows, nothing="The catalog has no models.")


def pull(names: Names = None) -> None:
    """Fetch models before workers need them, and check every file; what is damaged is fetched again."""
    from workers.model_files.pull import pull as fetch_whole

    settings, entries = _chosen(names)
    failed = False
    for entry in entries:
        say(f"{entry.name}: {source_of(entry)} …")
        checked = _tried(entry, lambda entry=entry: fetch_whole(entry, settings))  # type: ignore[misc]
        failed |= checked is None or _report(entry, checked, "is here and as it should be")
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def verify(names: Names = None) -> None:
    """Read every file of models that are here and compare it with what its source, the lock and the first load say."""
    from workers.model_files.verify import verify as read_whole

    settings, entries = _chosen(names)
    failed = False
    for entry in entries:
        checked = _tried(entry, lambda entry=entry: read_whole(entry, settings))  # type: ignore[misc]
        failed |= checked is None or _report(entry, checked, "is as it should be")
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def lock(
    names: Names = None,
    write: Annotated[
        Path | None, typer.Option(help="A catalog file to write the locks to; those of other models in it stay.")
    ] = None,
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
    if write is None:
        typer.echo(as_yaml({"models": locks}), nl=False)
        return
    add_locks(write, locks)
    say(f"{len(locks)} models are locked in {write}.")
    if write.resolve() not in {path.resolve() for path in settings.catalog}:
        say("Name that file in FARM_CATALOG, after your other files, for it to be read.")


def accept(name: Model) -> None:
    """Say that the folder of a model is right as it is here now, after a change: workers are held to that."""
    from workers.model_files.first_loads import FirstLoads

    settings, [entry] = _chosen([name])
    changed = _tried(entry, lambda: FirstLoads(settings).accept(entry))
    if changed is None:
        raise typer.Exit(ExitCode.FAILED)
    for difference in changed.values():
        say(f"{name}: {difference}")
    out().print(f"{name}: is accepted as it is here ({len(changed)} files are not as they were)")


def rm(name: Model) -> None:
    """Remove a model's files from this machine; the catalog still has it, and it can be fetched again."""
    from workers.model_files.remove import remove

    settings, [entry] = _chosen([name])
    freed = _tried(entry, lambda: remove(entry, settings))
    if freed is None:
        raise typer.Exit(ExitCode.FAILED)
    out().print(f"{name}: {freed / 1e9:.2f} GB are free again")


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
    from workers.model_files.fetched import FetchFailed
    from workers.model_files.weights import BadWeights

    try:
        return action()
    except (FetchFailed, BadWeights) as error:
        say(f"{entry.name}: {error}", "red")
        return None


def _report(entry: ModelEntry, checked: "Checked", good: str) -> bool:
    """Say what is wrong, or that nothing is; true when something is."""
    for reason in checked.wrong.values():
        say(f"{entry.name}: {reason}", "red")
    if not checked.wrong:
        out().print(f"{entry.name}: {good} ({len(checked.sha256)} files)")
    return bool(checked.wrong)
