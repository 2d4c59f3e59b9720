"""The worker's commands under `farm`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from farm.connections import Connections
from farm.console.completion import complete_own_pool
from farm.console.output import JsonOption, out, print_json
from farm.errors import NotFound
from farm.logs import configure_logging
from farm.metrics.process_metrics import OF_WORKERS
from farm.serve_metrics import readable
from workers.agent.telemetry.health import health


def register(app: typer.Typer) -> None:
    """Add the commands that have no folder of their own."""
    serving = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
    serving.callback()(worker)
    serving.command()(health)
    app.add_typer(serving, name="worker")
    app.command("rerender")(rerender)


def worker(
    context: typer.Context,
    pool: Annotated[
        str | None,
        typer.Option(help="The pool of the catalog to serve.", autocompletion=complete_own_pool, show_default=False),
    ] = None,
) -> None:
    """Serve one pool: load its model, keep it resident, render what is pending until told to stop."""
    if context.invoked_subcommand is not None:
        return
    if pool is None:
        raise typer.BadParameter("name the pool that it serves", param_hint="--pool")
    from workers.agent.telemetry.gpu_metrics import watch_gpus
    from workers.agent.worker import Worker

    with Connections.open() as connections:
        configure_logging(connections.settings)
        connections.catalog.pool(pool)  # a name that is none is told before a port is opened
        with readable(connections, "worker", OF_WORKERS, pool):
            watch_gpus(connections.metrics)
            Worker(connections, pool).run()


def rerender(
    manifest: Annotated[Path, typer.Argument(help="A manifest.json, as `farm download --kind manifest` fetches it.")],
    to: Annotated[Path | None, typer.Option(help="Write the output that came out to this file.")] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="FILE", help="A picture or LoRA that the render was made with."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Render a manifest again on this machine, at its recorded batch sizes; exit 1 if other pixels come out."""
    from farm.catalog import load_catalog
    from farm.manifest import read_manifest
    from farm.settings import load_settings
    from workers.pipelines.load import choose_device, load
    from workers.verification.rerender import encode_again, render_again, set_threads
    from workers.verification.source_files import given_files

    if not manifest.is_file():
        raise NotFound(f"There is no manifest at {manifest}.")
    recorded, settings, console = (
        read_manifest(manifest),
        load_settings(),
        out(),
    )
    set_threads(recorded.environment.torch_threads)
    catalog, name = load_catalog(settings), recorded.model.name
    loaded = load(catalog.model(name), catalog.held(name), choose_device(settings.device))
    with given_files(recorded, given or [], settings) as inputs:
        repeated = render_again(recorded, loaded, inputs=inputs)
    if to is not None:
        to.write_bytes(encode_again(recorded, repeated.pixels).data)
    if as_json:
        print_json({"same_pixels": repeated.same_pixels, "differences": repeated.differences})
    else:
        for difference in repeated.differences:
            console.print(f"differs from then: {difference}")
        console.print("the same pixels" if repeated.same_pixels else Text("other pixels than then", "red"))
    if not repeated.same_pixels:
        raise typer.Exit(1)
