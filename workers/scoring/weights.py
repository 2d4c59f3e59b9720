"""Where scorers find their weights, by the setting `scorer_weights`: a folder, or a commit of the Hub in its cache.

Nothing is fetched while scoring: a commit that the cache does not hold is fetched by `farm scorer --pull`, and by
nothing else. A commit's hash pins its bytes; of a folder the hash of its weight files stands with every score.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

_COMMIT = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")
#: What is fetched: never pickled weights of transformers (.bin), which may run code as they are read.
PATTERNS = ("*.json", "*.txt", "*.safetensors")
_WEIGHTS = (".safetensors", ".pth")


class NoWeights(ValueError):
    """The weights of a scorer are not here; the message says what to do."""


def weights_folder(scorer: str, weights: Mapping[str, str], *, fetch: bool = False) -> Path:
    """The folder of a scorer's weights. Raises NoWeights.

    weights: the setting. `fetch`: from the Hub, where they are named so and the cache does not hold them.
    """
    named = weights.get(scorer)
    if named is None:
        raise NoWeights(
            f"the scorer {scorer!r} has no weights: name a folder, or OWNER/NAME@COMMIT of the Hub, in "
            f"FARM_SCORER_WEIGHTS ({scorer}=…)"
        )
    if _COMMIT.fullmatch(named):
        return _from_hub(scorer, named, fetch)
    folder = Path(named).expanduser()
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@.*)?", named):
        raise NoWeights(
            f"FARM_SCORER_WEIGHTS says {scorer}={named}, which is no folder; of the Hub name the commit, too, with its "
            "40 digits: OWNER/NAME@COMMIT"
        )
    raise NoWeights(f"FARM_SCORER_WEIGHTS says {scorer}={named}, which is no folder on this machine")


def _from_hub(scorer: str, named: str, fetch: bool) -> Path:
    from huggingface_hub import snapshot_download

    repo, _, commit = named.partition("@")
    try:
        return Path(snapshot_download(repo, revision=commit, allow_patterns=list(PATTERNS), local_files_only=not fetch))
    except Exception as error:  # every kind that the library, the network and the disk have
        if not fetch:
            raise NoWeights(
                f"the weights of {scorer!r} ({named}) are not on this machine: fetch them with "
                f"`farm scorer --pull {scorer}`"
            ) from error
        told = re.sub(r"\?\S+", "?…", str(error)).partition("\n")[
            0
        ]  # the addresses that the Hub redirects to are signed
        raise NoWeights(f"the weights of {scorer!r} ({named}) could not be fetched: {told}") from error


def weight_files(folder: Path) -> list[Path]:
    """The files of a folder that hold weights, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS)


def sha256_of_files(path: Path) -> str:
    """The hash of a file, or that of a folder's weight files."""
    if path.is_dir():
        return sha256_of(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of(folder: Path) -> str:
    """One hash for all weight files of a folder: of their names and contents, in the order of their names."""
    digest = hashlib.sha256()
    for path in weight_files(folder):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
