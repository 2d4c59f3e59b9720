"""Clips as players see them: the colours that were rendered, for as long as was asked, in a profile that all decode."""

import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from farm.file_errors import is_disk_full
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import Pixels, encode_output
from workers.outputs.frame_times import SHORTEST, shown_frames
from workers.outputs.mp4 import rate_factor
from workers.outputs.thumbnails import encode_thumbnail

METADATA = EmbeddedMetadata("a red circle", {"parameters": {"seed": 7}})
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (120, 90, 200)]
#: Wan's sizes, on both sides of the height where players guess another matrix, and a small one.
SIZES = [(480, 832), (832, 480), (1280, 720), (160, 96)]
HIGH = 100  # profile_idc of H.264; 244 is High 4:4:4 Predictive


def striped(width: int, height: int, frames: int = 2) -> Pixels:
    """The colours side by side, in every frame."""
    frame = np.zeros((height, width, 3), np.uint8)
    for place, colour in enumerate(COLOURS):
        frame[:, place * width // 5 : (place + 1) * width // 5] = colour
    return np.stack([frame] * frames)


def moving(frames: int, edge: int = 32) -> Pixels:
    """Every frame another one."""
    pixels = np.full((frames, edge, edge, 3), 40, np.uint8)
    for frame in range(frames):
        pixels[frame, :, frame % edge] = 255
        pixels[frame, frame // edge, 0] = 200
    return pixels


def made(pixels: Pixels, form: str, *, fps: int = 16, quality: int = 80) -> bytes:
    return encode_output(pixels, {"output_format": form, "output_quality": quality, "fps": fps}, METADATA).data


def decoded(data: bytes, *options: str) -> bytes:
    """What ffmpeg makes of a file, read from a pipe."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, "-v", "error", "-i", "-", *options, "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def told(data: bytes) -> str:
    """What ffmpeg says of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", "-"]
    return subprocess.run(command, input=data, capture_output=True, check=False).stderr.decode()


def shown_for(data: bytes) -> list[int]:
    """Milliseconds of each frame of an animation."""
    read, found = Image.open(io.BytesIO(data)), []
    for frame in range(getattr(read, "n_frames", 1)):
        read.seek(frame)
        read.load()
        found.append(read.info["duration"])
    return found


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_mp4_has_the_colours_that_were_rendered_at_every_size(width: int, height: int) -> None:
    data = made(striped(width, height), "mp4")
    pixels = np.frombuffer(decoded(data, "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8)
    middle = pixels.reshape(-1, height, width, 3)[0, height // 2].astype(int)
    for place, colour in enumerate(COLOURS):
        assert np.abs(middle[place * width // 5 + width // 10] - colour).max() <= 3


def test_an_mp4_says_how_its_colours_are_to_be_read() -> None:
    assert "h264 (High)" in told(made(striped(160, 96), "mp4"))
    assert "yuv420p(tv, bt709" in told(made(striped(160, 96), "mp4"))  # range; matrix, primaries, transfer all alike


@pytest.mark.parametrize("quality", [1, 2, 5, 9, 10, 50, 80, 97, 98, 99, 100])
def test_every_quality_gives_a_profile_that_phones_decode(quality: int) -> None:
    data = made(moving(3), "mp4", quality=quality)
    assert data[data.index(b"avcC") + 5] == HIGH
    assert len(decoded(data, "-f", "rawvideo", "-pix_fmt", "rgb24")) == 3 * 32 * 32 * 3


def test_no_quality_is_lossless_and_none_is_out_of_range() -> None:
    factors = [rate_factor(quality) for quality in range(1, 101)]
    assert factors == sorted(factors, reverse=True)
    assert 1.0 == factors[-1] <= factors[0] <= 51.0


def test_odd_sides_are_made_even_and_lose_no_pixel() -> None:
    file = encode_output(moving(3, edge=33), {"output_format": "mp4", "output_quality": 90, "fps": 16}, METADATA)
    assert (file.width, file.height) == (34, 34)
    assert "34x34" in told(file.data)


@pytest.mark.parametrize("fps", [7, 16, 24, 30, 50, 60])
@pytest.mark.parametrize("form", ["mp4", "webp", "gif"])
def test_a_clip_of_sixty_frames_lasts_as_long_as_asked(form: str, fps: int) -> None:
    data = made(moving(60), form, fps=fps)
    if form == "mp4":
        times = decoded(data, "-f", "framemd5").decode().splitlines()
        count = sum(not line.startswith("#") for line in times)
        assert count == 60
        hours, minutes, seconds = told(data).partition("Duration: ")[2].partition(",")[0].split(":")
        total = 1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds))
    else:
        shown = shown_for(data)
        assert min(shown) >= (20 if form == "gif" else SHORTEST)
        total = sum(shown)
    assert abs(total - 60_000 / fps) <= 10  # a hundredth of a second: what a GIF counts in, and what ffmpeg tells


@pytest.mark.parametrize("form", ["webp", "gif"])
def test_a_clip_that_stands_still_lasts_as_long_as_asked(form: str) -> None:
    assert sum(shown_for(made(striped(40, 24, frames=9), form))) == pytest.approx(9000 / 16, abs=6)
    halves = np.concatenate([striped(40, 24, frames=5), 255 - striped(40, 24, frames=4)])
    assert sum(shown_for(made(halves, form))) == pytest.approx(9000 / 16, abs=6)


@pytest.mark.parametrize("quality", [5, 100])
def test_a_webp_of_a_clip_that_stands_still_is_an_animation_with_its_metadata(quality: int) -> None:
    read = Image.open(io.BytesIO(made(striped(40, 24, frames=9), "webp", quality=quality)))
    assert (read.size, read.info["loop"]) == ((40, 24), 0)
    assert METADATA.json.encode() in read.info["xmp"]
    assert read.getexif()
    if quality == 100:
        assert (np.asarray(read.convert("RGB")) == striped(40, 24)[0]).all()


@given(frames=st.integers(2, 200), fps=st.integers(1, 240), unit=st.sampled_from([1, 10]), stride=st.integers(1, 9))
def test_frames_are_shown_in_order_long_enough_and_end_with_the_clip(
    frames: int, fps: int, unit: int, stride: int
) -> None:
    shown = shown_frames(frames, fps, unit=unit, stride=stride)
    assert [frame for frame, _ in shown] == sorted({frame for frame, _ in shown} & set(range(0, frames, stride)))
    assert abs(sum(milliseconds for _, milliseconds in shown) - 1000 * frames / fps) <= unit
    assert len(shown) == 1 or min(milliseconds for _, milliseconds in shown) >= max(SHORTEST, unit)
    assert all(milliseconds % unit == 0 for _, milliseconds in shown)
    if fps * max(unit * 2, SHORTEST + 1) <= 1000:  # there is time for every frame
        assert len(shown) == len(range(0, frames, stride))


def test_a_thumbnail_plays_as_long_as_its_clip() -> None:
    for count, fps in ((41, 16), (60, 60), (9, 8)):
        assert sum(shown_for(encode_thumbnail(moving(count, 64), fps=fps).data)) == pytest.approx(
            1000 * count / fps, abs=1
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_under_ffmpeg_is_no_failure_of_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "ffmpeg"
    real = imageio_ffmpeg.get_ffmpeg_exe()
    # The real one, whose file is one that never has room.
    full.write_text(f'#!/bin/sh\nfor last; do :; done\nexec "{real}" -y "$@" -f mp4 /dev/full\n')
    full.chmod(0o700)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(full))
    with pytest.raises(OSError, match="No space left") as raised:
        encode_output(moving(4), {"fps": 8}, METADATA)
    assert is_disk_full(raised.value)
