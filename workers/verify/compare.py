"""How alike two stored outputs are, as those who look at the files see them."""

import io
import math
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageSequence

from workers.outputs.encode import Pixels


@dataclass(frozen=True)
class Similarity:
    """`psnr`: peak signal-to-noise ratio in dB, endless for equal pixels; `largest`: of all differences, in levels."""

    psnr: float
    largest: int


def compare(one: Pixels, other: Pixels) -> Similarity:
    """Two outputs of the same shape, uint8. Raises ValueError when the shapes differ."""
    if one.shape != other.shape:
        raise ValueError(f"the files hold {_shape(one)} and {_shape(other)}")
    differences = np.abs(one.astype(np.int16) - other.astype(np.int16))
    mean_square = float(np.mean(np.square(differences, dtype=np.float64)))
    psnr = math.inf if mean_square == 0 else 10 * math.log10(255**2 / mean_square)
    return Similarity(psnr, int(differences.max()))


def decode_file(data: bytes, content_type: str) -> Pixels:
    """(frames, height, width, 3) of a stored output. Raises ValueError when it cannot be read."""
    try:
        return _decode_mp4(data) if content_type == "video/mp4" else _decode_pictures(data)
    except (OSError, RuntimeError, SyntaxError) as error:
        raise ValueError(f"the file of type {content_type} cannot be read: {error}") from error


def _decode_pictures(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)])


def _decode_mp4(data: bytes) -> Pixels:
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        path = Path(folder) / "output.mp4"
        path.write_bytes(data)
        # Every frame as a PPM, whose head says its size. (imageio's own reader leaves its pipes open.)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "image2pipe"]
        told = subprocess.run([*command, "-c:v", "ppm", "-"], capture_output=True, check=False)
    if told.returncode or not told.stdout:
        raise ValueError(f"the file is no video: {told.stderr.decode(errors='replace').strip()[:200]}")
    size = told.stdout.split(b"\n", 2)[1]
    width, height = map(int, size.split())
    head = len(b"P6\n\n255\n") + len(size)
    return (
        np.frombuffer(told.stdout, np.uint8)
        .reshape(-1, head + width * height * 3)[:, head:]
        .reshape(-1, height, width, 3)
    )


def _shape(pixels: Pixels) -> str:
    frames, height, width, _ = pixels.shape
    return f"{width}x{height}" + (f", {frames} frames" if frames > 1 else "")
