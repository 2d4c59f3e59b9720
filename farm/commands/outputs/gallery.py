"""`farm gallery`: what all jobs have made: find it, download it, mark it, delete it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from farm.client.files.file_names import GALLERY_PATTERN
from farm.client.replies import GalleryRender, Marks
from farm.console.arguments import FileNamesOption, LeastScore, RenderIds, ScoredBy, read_filters, takes_filters
from farm.console.completion import complete_job
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_list

#: Of the group, as `farm --help` lists it.
WORDS = "What all jobs have made: find it, rate and tag it, download it, delete it."


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=WORDS)
    group.command("list")(list_)
    group.command()(download)
    group.command()(mark)
    group.command()(tags)
    group.command()(delete)
    group.command()(restore)
    app.add_typer(group, name="gallery")


@takes_filters
def list_(
    *,
    job: Annotated[str | None, typer.Option(help="Only of this job.", autocompletion=complete_job)] = None,
    scorer: ScoredBy = None,
    least_score: LeastScore = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="What can still be restored, instead of all else.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: JsonOption = False,
    **typed: Any,
) -> None:
    """List what is done, of all jobs, the newest first. All that the options say must hold.

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = list(
            farm.gallery(
                **read_filters(farm, typed),
                job=job and farm.find_job_id(job),
                scorer=scorer,
                least_score=least_score,
                deleted=deleted,
                limit=limit,
            )
        )
        if as_json:
            print_json(found)
            return
        print_list(
            ["render", "model", "rating", "tags", "seed", "prompt"],
            ([one.id, one.model, _stars(one), ", ".join(one.marks.tags), *_words(one)] for one in found),
            nothing="Nothing of the gallery is so.",
        )


@takes_filters
def download(
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder; it is made.")] = Path("gallery"),
    name: FileNamesOption = GALLERY_PATTERN,
    scorer: ScoredBy = None,
    least_score: LeastScore = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the newest first.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="So many files at once.")] = 4,
    as_json: JsonOption = False,
    **typed: Any,
) -> None:
    """Fetch what the options choose, as `list` does, and print the paths. Files that are there and right are kept.

    Exit codes: 0 all there, 1 some files are missing (run it again), 2 wrong usage or the farm refused, 3 the farm
    does not answer.
    """
    paths: list[Path] = []

    def show(path: Path) -> None:
        paths.append(path)
        if not as_json:
            print(path, flush=True)

    with farm_at_hand() as farm:
        filters = read_filters(farm, {**typed, "scorer": scorer, "least_score": least_score})
        try:
            found = farm.gallery(**filters, limit=limit)
            farm.download_renders(found, to, on_file=show, parallel=parallel, names=name)
        finally:
            if as_json:
                print_json({"files": paths})


def mark(
    render_ids: RenderIds,
    rating: Annotated[int | None, typer.Option(min=0, max=5, help="1 to 5; 0 takes it away.")] = None,
    favourite: Annotated[
        bool | None, typer.Option("--favourite/--no-favourite", help="One of the best, or not.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Tag them so; give it again for more.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take this tag off; give it again for more.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rate and tag finished renders, all or none; the whole project sees it. What is not named stays.

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    if rating is None and favourite is None and not tag and not untag:
        raise typer.BadParameter("say what: --rating, --favourite, --tag, --untag")
    with farm_at_hand() as farm:
        chosen = [farm.find_render_id(render_id) for render_id in render_ids]
        marked = farm.mark(chosen, rating=rating, favourite=favourite, add_tags=tag or (), remove_tags=untag or ())
    if as_json:
        print_json({"renders": marked})
        return
    say(f"{marked:,} {'render is' if marked == 1 else 'renders are'} marked")


def tags(as_json: JsonOption = False) -> None:
    """List the project's tags, those that most renders have first.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.tags()
    if as_json:
        print_json(found)
        return
    print_list(["tag", "renders"], ([one.tag, f"{one.renders:,}"] for one in found), nothing="Nothing has a tag.")


def delete(
    render_ids: RenderIds,
    now: Annotated[bool, typer.Option("--now", help="Remove the files at once: nothing brings them back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take renders out of the gallery; their files are removed a day later. Their jobs keep count of them.

    Exit codes: 0, 2 the farm refused one, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        chosen = [farm.find_render_id(render_id) for render_id in render_ids]
        _tell(((one, farm.delete_render(one, keep_seconds=0 if now else None)) for one in chosen), as_json, "deleted")


def restore(render_ids: RenderIds, as_json: JsonOption = False) -> None:
    """Bring deleted renders back, while their files are there: `farm gallery list --deleted` has them.

    Exit codes: 0, 2 the farm refused one, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        chosen = [farm.find_render_id(render_id) for render_id in render_ids]
        _tell(((one, farm.restore_render(one)) for one in chosen), as_json, "restored")


def _tell(changed: Iterable[tuple[str, Marks]], as_json: bool, what: str) -> None:
    """Each as it is done, so that a refusal does not hide what was done before it."""
    done = []
    for render_id, marks in changed:
        done.append({"render_id": render_id, **marks.model_dump(mode="json")})
        if not as_json:
            say(f"render {render_id} is {what}")
    if as_json:
        print_json(done)


def _stars(render: GalleryRender) -> str:
    return ("★" if render.marks.favourite else "") + (str(render.marks.rating) if render.marks.rating else "")


def _words(render: GalleryRender) -> list[str]:
    return [str(render.parameters.get(name, "")) for name in ("seed", "prompt")]
