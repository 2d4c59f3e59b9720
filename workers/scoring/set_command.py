"""`farm fid`: how far the pictures of a job, or those that a filter of the gallery finds, are from others."""

import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.client import DownloadIncomplete, FarmClient
from farm.client.replies import Render
from farm.console.arguments import LeastScore, ScoredBy, read_filters, takes_filters
from farm.console.completion import complete_job
from farm.console.session import JsonOption, farm_at_hand, out, print_json, say
from farm.errors import Fault, InvalidRequest

if TYPE_CHECKING:
    from workers.scoring.set_distance import SetDistance

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
#: Of the name of a reference set, as the farm keeps it.
MOST_CHARS = 200
#: Of the gallery, unless somebody says otherwise: as many as the farm itself looks at for scores.
MOST_PICTURES = 20_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fid")(fid)


@takes_filters
def fid(
    job_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB]", help="The job's id, or last; none: of the gallery.", autocompletion=complete_job
        ),
    ] = None,
    *,
    reference: Annotated[
        str, typer.Option("--reference", metavar="DIR|JOB", help="A folder of pictures, or another job.")
    ],
    features: Annotated[
        Path,
        typer.Option(
            exists=True, metavar="PATH", help="What is seen in a picture: a TorchScript file, or a folder with a CLIP."
        ),
    ],
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the figures on the farm: they stand on the page of scores.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="The whole gallery.")] = False,
    limit: Annotated[
        int, typer.Option(min=2, help="Of the gallery, at most so many pictures, the newest.")
    ] = MOST_PICTURES,
    as_json: JsonOption = False,
    scorer: ScoredBy = None,
    least_score: LeastScore = None,
    **typed: Any,
) -> None:
    """Print FID and KID of a job's pictures, or of the gallery's, against others; smaller is nearer.

    They are computed on this machine. Of the gallery are those pictures for which all that the options say holds.

    Exit codes: 0, 1 files of a job could not be had, or none of the gallery's, 2 refused, as for lack of pictures or of
    the extra `scoring`, 3 the farm does not answer.
    """
    if find_spec("torch") is None or find_spec("torchmetrics") is None:
        told = "needs what is not installed here: pip install 'latent-farm[worker,scoring]'"
        raise InvalidRequest([Fault("/features", told)])
    from workers.scoring.set_distance import distance_of, load_features
    from workers.scoring.weights import NoWeights, sha256_of_files

    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder, farm_at_hand() as farm:
        filters = read_filters(farm, {**typed, "scorer": scorer, "least_score": least_score})
        _check_choice(job_id, among_all=bool(filters) or everything)
        if job_id is not None:
            job_id = farm.find_job_id(job_id)  # once: 'last' may be another one behind the work
            seen = _pictures_of(farm, job_id, Path(folder) / "pictures")
        else:
            seen = _pictures_of_gallery(farm, filters, limit, Path(folder) / "pictures")
        other = Path(reference)
        if not other.is_dir() and (other.exists() or len(other.parts) > 1):
            raise InvalidRequest([Fault("/reference", f"there is no folder {reference}; name one, or a job")])
        if other.is_dir():
            # By its name alone, which says nothing of this machine.
            named, expected = other.resolve().name[:MOST_CHARS] or "/", _in_folder(other)
        else:
            other_job = farm.find_job_id(reference)
            named, expected = f"job {other_job}", _pictures_of(farm, other_job, Path(folder) / "reference")
        try:
            found = distance_of(seen, expected, load_features(features))
        except NoWeights as error:
            raise InvalidRequest([Fault("/features", str(error))]) from None
        except (ValueError, RuntimeError, OSError) as error:
            raise InvalidRequest([Fault("/reference", str(error))]) from None
        digest = sha256_of_files(features)
        _say(found, digest, as_json=as_json)  # first: they are not to be lost with a farm that does not answer
        kept = {**vars(found), "reference": named, "reference_pictures": found.reference, "features_sha256": digest}
        if keep and job_id is not None:
            farm.keep_set_distance(job_id, **kept)
        elif keep:
            farm.keep_gallery_set_distance(kept, **filters)


def _check_choice(job_id: str | None, *, among_all: bool) -> None:
    """Raise BadParameter unless a job is named, or something of the gallery."""
    if job_id is None and not among_all:
        raise typer.BadParameter("name a job, or choose of the gallery: --tag, --board, --text and more, or --all")
    if job_id is not None and among_all:
        raise typer.BadParameter("name a job, or choose of the gallery, not both")


def _say(found: "SetDistance", digest: str, *, as_json: bool) -> None:
    if min(found.pictures, found.reference) <= found.features:
        say(
            f"FID says little of fewer pictures ({found.pictures:,} and {found.reference:,}) than features "
            f"({found.features:,}): go by KID",
            "yellow",
        )
    if as_json:
        print_json({**vars(found), "features_sha256": digest})
    else:
        out().print(f"FID {found.fid:.4f}")
        out().print(f"KID {found.kid:.6f} ± {found.kid_std:.6f}")


def _pictures_of(farm: FarmClient, job_id: str, folder: Path) -> list[Path]:
    """The pictures that a job has made, in this folder. Raises InvalidRequest for clips."""
    files = farm.download(job_id, folder)
    if any(file.suffix not in _SUFFIXES for file in files):
        raise InvalidRequest([Fault("/job", f"the job {job_id} has made clips; FID and KID compare pictures")])
    return files


def _pictures_of_gallery(farm: FarmClient, filters: Mapping[str, Any], most: int, folder: Path) -> list[Path]:
    """The newest pictures that the filters find, in this folder; of what is left out it says how many and why.

    A gallery changes while it is read: files that cannot be had are left out. Raises DownloadIncomplete if none can.
    """
    left_out = 0

    def pictures() -> Iterator[Render]:
        nonlocal left_out
        for render in farm.gallery(**filters):
            if _is_picture(render):
                yield render
            else:
                left_out += 1

    files: list[Path] = []
    try:
        farm.download_renders(islice(pictures(), most), folder, on_file=files.append)
    except DownloadIncomplete as incomplete:
        if not files:
            raise
        missing = incomplete.faults
        say(f"{len(missing):,} of them cannot be had and are left out; the first: {missing[0]}", "yellow")
    if left_out:
        say(f"{left_out:,} of them are clips, or keep no output, and are left out", "yellow")
    return files


def _is_picture(render: Render) -> bool:
    outputs = (one for one in render.artifacts or () if one.kind == "output")
    return any(one.content_type.startswith("image/") for one in outputs)


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
