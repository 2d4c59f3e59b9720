"""Two stored renders of the same, held against each other: manifests first, then files where those are not enough."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ValidationError

from farm.cpu_work import CpuWork, right_here
from farm.errors import NotFound
from farm.manifest import Manifest
from farm.sentences import sentence
from farm.storage import Storage
from farm.verification.differences import NOT_ITS_FILE, manifest_differences
from farm.verification.verdict import TOLERANCE, Verdict, judge, same

if TYPE_CHECKING:
    from farm.verification.similarity import Similarity

#: Larger outputs are not decoded here: `farm verify` on a machine with the model does it.
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class StoredRender:
    """Where the files of a finished render lie in the bucket; sizes in bytes."""

    manifest_key: str
    output_key: str
    content_type: str
    size: int


@dataclass(frozen=True)
class Compared:
    """`verdict`: None where there can be none, for this `reason`. `similarity`: where pixels had to be looked at."""

    verdict: Verdict | None
    similarity: Similarity | None = None
    differences: Sequence[str] = ()  # what is not as it was, as sentences
    reason: str | None = None

    @property
    def psnr(self) -> float | None:
        """In dB; None where the pixels were not looked at, or are equal."""
        return None if self.similarity is None or math.isinf(self.similarity.psnr) else self.similarity.psnr


def compare_stored(
    storage: Storage,
    first: StoredRender,
    second: StoredRender,
    *,
    tolerance: float = TOLERANCE,
    cpu_work: CpuWork = right_here,
) -> Compared:
    """How the second relates to the first. Raises StorageDown, and what `cpu_work` raises while it has too much."""
    if max(first.size, second.size) > MOST_BYTES:
        return Compared(None, reason=sentence("The files are too large to be compared here."))
    try:
        then, now = (Manifest.model_validate_json(storage.get(one.manifest_key)) for one in (first, second))
        stored = storage.get(first.output_key)
        untouched = hashlib.sha256(stored).hexdigest() == then.output.sha256
        verdict = None
        if untouched:  # else hashes tell of a file that is not there any more: look at the one that is
            verdict = same(then.output, sha256=now.output.sha256, pixels_sha256=now.output.pixels_sha256)
        again = b"" if verdict else storage.get(second.output_key)
    except NotFound:
        return Compared(None, reason=sentence("Files of it are not in the storage any more."))
    except ValidationError:
        return Compared(None, reason=sentence("A manifest of it cannot be read by this version of the farm."))
    differences = [*([] if untouched else [NOT_ITS_FILE]), *manifest_differences(then, now)]
    if verdict is not None:
        return Compared(verdict, differences=differences)
    similarity = cpu_work(partial(_similarity, stored, first.content_type, again, second.content_type))
    return Compared(judge(similarity, tolerance), similarity, differences)


def _similarity(one: bytes, one_type: str, other: bytes, other_type: str) -> Similarity | None:
    """None: they are not of one size, or one of them is no file of its type."""
    from farm.verification.similarity import compare, frames_in  # the dashboard does not wait for a video library

    try:
        return compare(frames_in(one, one_type), frames_in(other, other_type))
    except ValueError:
        return None
