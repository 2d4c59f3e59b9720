"""`farm verify`: is a render what its manifest says?"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from farm.client import FarmClient
from farm.console.completion import complete_render
from farm.console.session import ExitCode, farm_at_hand, out, print_json, say
from farm.errors import NotFound
from farm.logs import configure_logging
from farm.manifest import Manifest, read_manifest
from farm.plugins import PluginMissing
from farm.verification.verdict import TOLERANCE, Verdict
from workers.verification.on_farm_option import verify_on_farm
from workers.verification.since_option import verify_since
from workers.verification.source_files import given_files


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    render_id: Annotated[
        str | None, typer.Argument(metavar="[RENDER]", help="The render's id.", autocompletion=complete_render)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="For operators, beside the database: instead of one, all that a LoRA may have touched which failed on "
            "their worker from this date on (ISO 8601).",
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="With --since: failures up to this date.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="With --since: say which, and make none again.")] = False,
    tolerance: Annotated[
        float, typer.Option(metavar="DB", help="From this PSNR on two outputs count as the same.")
    ] = TOLERANCE,
    pool: Annotated[
        str | None, typer.Option(help="Load the model as this pool of the catalog does (precision, offloading).")
    ] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="FILE", help="A picture or LoRA that the render was made with."),
    ] = None,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep what came out in this folder.")] = None,
    on_farm: Annotated[
        bool, typer.Option("--on-farm", help="Have the farm render it again, as a job of the project, and compare.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as one line of JSON.")] = False,
) -> None:
    """Make a render again on this machine from its manifest, alone and at its recorded batch sizes, and compare.

    With --on-farm a worker makes it again, in the batch that it gets there, and the farm compares.
    With --since all renders of the farm that a failed LoRA may have touched, read from the database and the bucket.

    Exit codes: 0 the same (or within tolerance) at the recorded batch sizes, 1 other pixels, 2 it cannot be made
    again here, 3 the farm does not answer.
    """
    if (render_id is None) == (since is None) or (on_farm and render_id is None):
        raise typer.BadParameter("give the id of a render, or --since DATE (without --on-farm)")
    if render_id is None:
        verify_since(since or "", until, only_list=only_list, pool=pool, tolerance=tolerance, as_json=as_json)
        return
    if on_farm:
        if pool is not None or given or to is not None or tolerance != TOLERANCE:
            raise typer.BadParameter("--on-farm takes none of --pool, --input, --to, --tolerance: a worker renders it")
        with farm_at_hand() as farm:
            verify_on_farm(farm, farm.find_render_id(render_id), as_json=as_json)
        return
    from farm.catalog import load_catalog
    from farm.settings import load_settings

    with farm_at_hand() as farm:
        render_id = farm.find_render_id(render_id)
        manifest, stored = fetch_manifest(farm, render_id)
    settings = load_settings()
    configure_logging(settings)  # to stderr: stdout is for the verdicts
    catalog = load_catalog(settings)
    entry = catalog.model(manifest.model.name)
    wanted = catalog.pool(pool) if pool is not None else catalog.held(entry.name)
    with given_files(manifest, given or [], settings) as inputs:
        # Only now: whoever has not given all files need not wait for torch.
        from workers.outputs.plugins import PluginFailed
        from workers.pipelines.load import LoadingFailed, choose_device, load
        from workers.verification.rerender import set_threads
        from workers.verification.verify_manifest import verify as make_again

        set_threads(manifest.environment.torch_threads)
        try:
            loaded = load(entry, wanted, choose_device(settings.device, wanted.device if wanted else "auto"))
            found, differences = make_again(manifest, stored, loaded, tolerance=tolerance, inputs=inputs)
        except (LoadingFailed, PluginFailed, PluginMissing, ValueError) as error:
            say(f"The render cannot be made again here: {error}", "red")
            raise typer.Exit(ExitCode.REFUSED) from None
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        for place, again in enumerate(found):
            name = "recorded" if place == 0 else "alone"
            (to / f"{render_id}-{name}{Path(again.output.filename).suffix}").write_bytes(again.output.data)
    if as_json:
        print_json(
            {
                "render_id": render_id,
                "verdicts": [
                    {
                        "batching": again.batching,
                        "company": again.batching,  # as it was called in 0.3; scripts may read it
                        "verdict": again.verdict.value,
                        "psnr": again.similarity.psnr if again.similarity and again.similarity.largest else None,
                        "largest": again.similarity.largest if again.similarity else None,
                    }
                    for again in found
                ],
                "differences": differences,
            }
        )
    else:
        for again in found:
            out().print(str(again))
        for difference in differences:
            out().print(f"not as it was: {difference}")
    if found[0].verdict is Verdict.OTHER:
        raise typer.Exit(ExitCode.FAILED)


def fetch_manifest(farm: FarmClient, render_id: str) -> tuple[Manifest, bytes]:
    """The manifest of a render and its stored output. Raises NotFound for a render that has none (yet)."""
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        paths = farm.download_render(render_id, folder, ("manifest", "output"))
        manifests = [path for path in paths if path.name.endswith(".manifest.json")]
        outputs = [path for path in paths if path not in manifests]
        if not (manifests and outputs):
            raise NotFound(f"The render {render_id} has no output and manifest; only one that is done can be verified.")
        return read_manifest(manifests[0]), outputs[0].read_bytes()
