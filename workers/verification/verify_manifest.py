"""Is a manifest true? Its render is made again, and what comes out is held against the file that was stored.

Twice: with as many rows beside it in every pass as then (dummies fill them), which gives the same bits on the same kind
of machine; and alone, which shows what the batch changed.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from farm.manifest import Manifest
from farm.verification.differences import NEIGHBOURS, NOT_ITS_FILE, shared_step_cache
from farm.verification.similarity import Similarity, compare, frames_in
from farm.verification.verdict import TOLERANCE, Verdict, judge, same
from workers.outputs.encode import EncodedFile
from workers.pipelines.load import Loaded
from workers.verification.rerender import encode_again, render_again


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
        differences.append(NOT_ITS_FILE)
    if shared_step_cache(manifest):
        differences.append(NEIGHBOURS)
    found = []
    for batching, exclusive in _settings_of(manifest)[: None if also_exclusive else 1]:
        again = render_again(manifest, loaded, exclusive=exclusive, inputs=inputs)
        output = encode_again(manifest, again.pixels)
        similarity = _similarity(stored, output, manifest.output.content_type)
        verdict = same(
            manifest.output, sha256=hashlib.sha256(output.data).hexdigest(), pixels_sha256=again.pixels_sha256
        ) or judge(similarity, tolerance)
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
        return compare(frames_in(stored, content_type), frames_in(output.data, output.content_type))
    except ValueError:
        return None
