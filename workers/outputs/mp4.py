"""A clip as H.264 in MP4: what every phone and browser decodes, in the same colours everywhere.

A player that is told nothing guesses the matrix by the height (Chromium: BT.601 below 720 lines, BT.709 from there on).
So pixels are converted with BT.709 in limited range, which hardware expects, and the file says so.
"""

import errno
import os
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from workers.outputs.embedded_metadata import EmbeddedMetadata

DEFAULT_QUALITY = 80
#: x264's constant rate factor at our worst and best quality. From 0, its lossless, comes 'High 4:4:4 Predictive',
#: which no phone decodes.
_WORST_CRF, _BEST_CRF = 51.0, 1.0
_TO_BT709 = "scale=in_range=full:out_range=limited:out_color_matrix=bt709:flags=accurate_rnd+full_chroma_int"
_TAGS = "setparams=range=limited:colorspace=bt709:color_primaries=bt709:color_trc=bt709"


#: The box of XMP in MP4: XMP Specification Part 3, 1.2.7 (MPEG-4).
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
#: exiv2 0.28.8 reads past the end of this box by its own head and UUID, and calls the file corrupt where it ends there.
_ROOM_BEHIND = 24


class EncodingFailed(RuntimeError):
    """ffmpeg could not write the file; the message holds its last words."""


def encode_mp4(frames: NDArray[np.uint8], fps: int, metadata: EmbeddedMetadata, quality: int | None) -> bytes:
    """yuv420p, playable from the first byte; one encoder thread and no encoder tags, for equal bytes.

    Sides must be even, as `even_sides` makes them. Raises EncodingFailed, and OSError where the
    disk has no room for it.
    """
    _, height, width, _ = frames.shape
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        path = Path(folder) / "output.mp4"
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"),
            *("-vf", f"{_TO_BT709},format=yuv420p,{_TAGS}"),
            *("-c:v", "libx264", "-profile:v", "high", "-crf", f"{rate_factor(quality):.2f}", "-threads", "1"),
            *("-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
            *("-metadata", f"comment={metadata.text}", "-metadata", f"description={metadata.json}"),
            str(path),
        ]
        ended = subprocess.run(command, input=np.ascontiguousarray(frames).data, capture_output=True, check=False)
        if ended.returncode != 0:
            _raise_if_disk_full(ended.stderr, path)
            raise EncodingFailed(f"ffmpeg: {ended.stderr.decode(errors='replace').strip()[-500:]}")
        return path.read_bytes() + _xmp_box(metadata)


def _xmp_box(metadata: EmbeddedMetadata) -> bytes:
    """Behind all others, so that the clip still plays from its first byte; nothing where no source type is told."""
    told = metadata.source_type_xmp()
    if told is None:
        return b""
    return _box(b"uuid", _XMP_BOX + told) + _box(b"free", bytes(_ROOM_BEHIND - 8))


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def _raise_if_disk_full(said: bytes, path: Path) -> None:
    """ffmpeg says in words alone that there was no room, and a full disk is no fault of the render."""
    reason = os.strerror(errno.ENOSPC)
    if reason.encode() in said:
        raise OSError(errno.ENOSPC, reason, str(path))


def rate_factor(quality: int | None) -> float:
    """x264's constant rate factor for an `output_quality` of 1 to 100: lower is better."""
    return max(_BEST_CRF, _WORST_CRF * (1 - (quality or DEFAULT_QUALITY) / 100))


def even_sides(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(frames, height, width, 3) with even sides: colours are stored for squares of 2 x 2 pixels.

    No model makes odd sides, but a post-processor may; the last row or column is then repeated, so that none is lost.
    """
    _, height, width, _ = frames.shape
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
