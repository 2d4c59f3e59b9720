"""Is a manifest true? Its render is made again, and what comes out is held against the file that was stored.

Twice: with as many rows beside it in every pass as then (dummies fill them), which gives the same bits on the same kind
of machine; and alone, which shows what the batch changed.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from farm.manifest import Manifest
from workers.outputs.encode import EncodedFile
from workers.pipelines.load import Loaded
from workers.verify.compare import Similarity, compare, decode_file
from workers.verify.rerender import encode_again, render_again

#: What nobody sees: a peak signal-to-noise ratio, in dB, from which on two pictures count as one.
TOLERANCE = 40.0


class Verdict(StrEnum):
    """How a render that was made again relates to the first."""

    SAME_BYTES = "same bytes"
    SAME_PIXELS = "same pixels, in a file of other bytes"
    WITHIN = "same within tolerance"
    OTHER = "other pixels"


@dataclass(frozen=True)
class Verified:
    """One time that the render was made again. `similarity` is of the files as they are decoded; none: not
    comparable.
    """

    batching: str
    verdict: Verdict
    similarity: Similarity | None
    output: EncodedFile

    def __str__(self) -> str:
        told = f"{self.batching}: {self.verdict}"
        if self.similarity is None or self.verdict in (Verdict.SAME_BYTES, Verdict.SAME_PIXELS):
            return told
        psnr = "endless" if math.isinf(self.similarity.psnr) else f"{self.similarity.psnr:.1f} dB"
        return f"{told} (PSNR {psnr}, largest difference {self.similarity.largest} of 255)"


def verify(
    manifest: Manifest,
    stored: bytes,
    loaded: Loaded,
    *,
    tolerance: float = TOLERANCE,
    inputs: Mapping[str, str] | None = None,
    also_exclusive: bool = True,
) -> tuple[list[Verified], list[str]]:
    """Every way in which the render was made again, and what is not as it was, as sentences.

    `inputs`: pictures that it started from, by parameter. Raises ValueError when it cannot be made again.
    """
    differences: list[str] = []
    if hashlib.sha256(stored).hexdigest() != manifest.output.sha256:
        differences.append("the stored file is not the one that the manifest tells of")
    if manifest.parameters.get("step_cache") and any(step.batch_size > 1 for step in manifest.steps):
        differences.append("a step cache decided by what its neighbours contained too, which no manifest keeps")
    found = []
    for batching, exclusive in _settings_of(manifest)[: None if also_exclusive else 1]:
        again = render_again(manifest, loaded, exclusive=exclusive, inputs=inputs)
        output = encode_again(manifest, again.pixels)
        similarity = _similarity(stored, output, manifest.output.content_type)
        verdict = _verdict(output, manifest, again.same_pixels, similarity, tolerance)
        found.append(Verified(batching, verdict, similarity, output))
        differences += [told for told in again.differences if told not in differences]
    return found, differences


def _settings_of(manifest: Manifest) -> list[tuple[str, bool]]:
    sizes = sorted({step.batch_size for step in manifest.steps} | {manifest.decode_batch_size})
    if sizes == [1]:
        return [("alone, as it was", True)]
    return [(f"at the recorded batch sizes ({', '.join(map(str, sizes))})", False), ("alone", True)]


def _similarity(stored: bytes, output: EncodedFile, content_type: str) -> Similarity | None:
    try:
        return compare(decode_file(stored, content_type), decode_file(output.data, output.content_type))
    except ValueError:
        return None


def _verdict(
    output: EncodedFile, manifest: Manifest, same_pixels: bool, similarity: Similarity | None, tolerance: float
) -> Verdict:
    if hashlib.sha256(output.data).hexdigest() == manifest.output.sha256:
        return Verdict.SAME_BYTES
    if same_pixels:
        return Verdict.SAME_PIXELS
    return Verdict.WITHIN if similarity is not None and similarity.psnr >= tolerance else Verdict.OTHER
