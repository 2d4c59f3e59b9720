"""Files as other programs read them: what they show, what they say of themselves, and that bytes repeat."""

import io
import itertools
import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import BLACK, Pixels, Unusable, check_pixels, encode_output
from workers.outputs.thumbnails import encode_poster, encode_thumbnail

METADATA = EmbeddedMetadata("a <red> fox & 蓝色\nSteps: 4, Seed: 7", {"parameters": {"prompt": "蓝色 <x>", "seed": 7}})


def picture(width: int = 96, height: int = 64) -> Pixels:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([columns * 255 // width, rows * 255 // height, (rows + columns) % 256], -1).astype(np.uint8)


def clip(frames: int = 9) -> Pixels:
    return np.stack([np.roll(picture(), 8 * frame, axis=1) for frame in range(frames)])


def wish(form: str, quality: int | None = None, **others: object) -> dict[str, object]:
    return {"output_format": form, "output_quality": quality, "fps": 16, **others}


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("form", "quality", "largest"),
    [("png", None, 0), ("webp", 100, 0), ("webp", 90, 40), ("jpeg", 92, 40), ("avif", 80, 40)],
)
def test_a_picture_is_read_as_it_was_rendered(form: str, quality: int | None, largest: int) -> None:
    file = encode_output(picture(), wish(form, quality), METADATA)
    read = opened(file.data)
    assert read.format == form.upper()
    assert (file.content_type, file.width, file.height, file.frames) == (f"image/{form}", 96, 64, 1)
    assert np.abs(np.asarray(read.convert("RGB")).astype(int) - picture()).max() <= largest


@pytest.mark.parametrize("form", ["png", "webp", "jpeg", "avif", "gif", "mp4"])
def test_the_same_pixels_give_the_same_bytes(form: str) -> None:
    pixels = clip() if form in ("gif", "mp4") else picture()
    assert encode_output(pixels, wish(form, 80), METADATA) == encode_output(pixels, wish(form, 80), METADATA)


def test_a_png_holds_the_text_and_the_metadata() -> None:
    read = opened(encode_output(picture(), wish("png"), METADATA).data)
    assert (read.info["parameters"], read.info["latent-farm"]) == (METADATA.text, METADATA.json)


@pytest.mark.parametrize("form", ["webp", "jpeg", "avif"])
def test_other_pictures_hold_the_text_where_a1111_puts_it_and_the_recipe_in_xmp(form: str) -> None:
    read = opened(encode_output(picture(), wish(form, 80), METADATA).data)
    comment = read.getexif().get_ifd(0x8769)[0x9286]
    assert comment[:8] == b"UNICODE\0"
    assert comment[8:].decode("utf-16-be") == METADATA.text
    xmp = read.info["xmp"].decode()
    assert "<farm:recipe>" + METADATA.json.replace("<", "&lt;").replace(">", "&gt;") in xmp


def test_a_jpeg_leaves_out_what_no_segment_holds_rather_than_fail() -> None:
    long = EmbeddedMetadata("word " * 20_000, {"prompt": "word " * 20_000})
    assert opened(encode_output(picture(), wish("jpeg", 80), long).data).size == (96, 64)


@pytest.mark.parametrize("form", ["webp", "gif"])
@pytest.mark.parametrize("fps", [16, 24, 30])
def test_an_animation_has_every_frame_and_ends_on_time(form: str, fps: int) -> None:
    read = opened(encode_output(clip(), wish(form, 80, fps=fps), METADATA).data)
    durations = []
    for frame in range(read.n_frames):
        read.seek(frame)
        read.load()
        durations.append(read.info["duration"])
    assert len(durations) == 9
    assert abs(sum(durations) - 9000 / fps) <= 5
    assert read.info["loop"] == 0


def test_a_gif_says_how_it_was_made() -> None:
    assert opened(encode_output(clip(), wish("gif"), METADATA).data).info["comment"].decode() == METADATA.text


def test_an_mp4_is_h264_plays_at_its_pace_and_holds_text_and_metadata(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "output.mp4"
    path.write_bytes(encode_output(clip(), wish("mp4", 80), METADATA).data)
    program = imageio_ffmpeg.get_ffmpeg_exe()
    told = subprocess.run([program, "-i", str(path), "-f", "ffmetadata", "-"], capture_output=True, check=True)
    assert re.search(rb"Video: h264.* yuv420p.* 96x64.* 16 fps", told.stderr)
    assert "蓝色".encode() in told.stdout
    assert b"description=" in told.stdout
    assert imageio_ffmpeg.count_frames_and_secs(str(path))[0] == 9


def test_better_quality_makes_larger_files() -> None:
    for form, pixels in (("webp", picture()), ("jpeg", picture()), ("avif", picture()), ("mp4", clip())):
        sizes = [len(encode_output(pixels, wish(form, quality), METADATA).data) for quality in (10, 60, 95)]
        assert all(smaller < larger for smaller, larger in itertools.pairwise(sizes)), form


def test_a_clip_of_one_frame_is_a_picture_where_a_picture_is_asked_for() -> None:
    assert encode_output(clip(1), wish("png"), METADATA).content_type == "image/png"
    assert opened(encode_output(clip(1), wish("webp", 90), METADATA).data).n_frames == 1
    assert encode_output(clip(1), wish("mp4", 80), METADATA).content_type == "video/mp4"


def test_renders_from_before_formats_could_be_chosen_are_png_and_mp4() -> None:
    assert encode_output(picture(), {}, METADATA).filename == "output.png"
    assert encode_output(clip(), {"fps": 8}, METADATA).filename == "output.mp4"


def test_a_poster_is_the_first_frame_at_full_size_and_a_thumbnail_is_small() -> None:
    poster = opened(encode_poster(clip(), METADATA).data)
    assert poster.size == (96, 64)
    assert np.abs(np.asarray(poster.convert("RGB")).astype(int) - picture()).max() <= 60
    large = np.repeat(np.repeat(clip(40), 8, axis=1), 8, axis=2)
    thumbnail = encode_thumbnail(large, fps=16)
    assert (thumbnail.width, thumbnail.frames) == (320, 20)


@pytest.mark.parametrize("shape", [(64, 64, 3), (5, 64, 64, 3)])
def test_what_is_black_all_over_is_no_output(shape: tuple[int, ...]) -> None:
    pixels = np.full(shape, BLACK, np.uint8)
    with pytest.raises(Unusable, match="is black"):
        check_pixels(pixels)
    pixels[..., 5, 5, 1] = BLACK + 1
    check_pixels(pixels)
