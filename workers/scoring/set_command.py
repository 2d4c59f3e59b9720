"""`farm fid`: how far the outputs of a job are from other pictures."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.client import FarmClient
from farm.console.completion import complete_job
from farm.console.session import JsonOption, farm_at_hand, out, print_json, say
from farm.errors import Fault, InvalidRequest

if TYPE_CHECKING:
    from workers.scoring.set_distance import SetDistance

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
#: Of the name of a reference set, as the farm keeps it.
MOST_CHARS = 200


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fid")(fid)


def fid(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or last.", autocompletion=complete_job)],
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
        bool, typer.Option("--keep", help="Keep the figures on the farm: they stand on the job's page of scores.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print FID and KID of a job's pictures against others, computed on this machine; smaller is nearer.

    Exit codes: 0, 2 refused, as for lack of pictures or of the extra `scoring`, 3 the farm does not answer.
    """
    if find_spec("torch") is None or find_spec("torchmetrics") is None:
        told = "needs what is not installed here: pip install 'latent-farm[worker,scoring]'"
        raise InvalidRequest([Fault("/features", told)])
    from workers.scoring.set_distance import distance_of, load_features
    from workers.scoring.weights import NoWeights, sha256_of_files

    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder, farm_at_hand() as farm:
        job = farm.find_job_id(job_id)  # once: 'last' may be another one behind the work
        seen = _pictures_of(farm, job, Path(folder) / "job")
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
        if keep:
            farm.keep_set_distance(
                job,
                reference=named,
                fid=found.fid,
                kid=found.kid,
                kid_std=found.kid_std,
                pictures=found.pictures,
                reference_pictures=found.reference,
                features=found.features,
                features_sha256=digest,
            )


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


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
