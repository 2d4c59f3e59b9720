"""In which way a render that was made again is the same as the first."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from farm.manifest import OutputFacts

if TYPE_CHECKING:
    from farm.verification.similarity import Similarity

#: What nobody sees: a peak signal-to-noise ratio, in dB, from which on two pictures count as one.
TOLERANCE = 40.0


class Verdict(StrEnum):
    """How a render that was made again relates to the first."""

    SAME_BYTES = "same bytes"
    SAME_PIXELS = "same pixels, in a file of other bytes"
    WITHIN = "same within tolerance"
    OTHER = "other pixels"


def same(first: OutputFacts, *, sha256: str, pixels_sha256: str) -> Verdict | None:
    """The verdict that hashes alone give; None: the pixels that the model made differ, so look at the files."""
    if sha256 == first.sha256:
        return Verdict.SAME_BYTES
    return Verdict.SAME_PIXELS if pixels_sha256 == first.pixels_sha256 else None


def judge(similarity: Similarity | None, tolerance: float) -> Verdict:
    """The verdict on two files whose pixels differ; without a similarity they cannot be compared, so they are other."""
    return Verdict.WITHIN if similarity is not None and similarity.psnr >= tolerance else Verdict.OTHER
