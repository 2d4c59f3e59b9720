"""Files as the programs of other people read them: sd-parsers, piexif, Chromium."""

import base64
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import piexif
import pytest
from piexif.helper import UserComment
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sd_parsers import ParserManager

from farm.manifest import summary_line
from tests.workers.outputs.test_video_file import COLOURS, SIZES, striped
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import Pixels, encode_output

PARAMETERS = {
    "prompt": "a red fox & 蓝色",
    "negative_prompt": "blurred",
    "seed": 2**64 - 1,
    "num_inference_steps": 20,
    "guidance_scale": 4.5,
    "sampler": "dpm++-2m",
    "width": 96,
    "height": 64,
}
METADATA = EmbeddedMetadata(summary_line(PARAMETERS, "sana-demo"), {"parameters": PARAMETERS})
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
#: A GPU in software: without one, Chromium's own conversion of BT.709 is up to 12 levels off.
ARGUMENTS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-first-run",
             "--disable-background-networking", "--force-color-profile=srgb"]  # fmt: skip
#: Draws a picture or the middle of a clip and looks at the middle of each of five stripes.
LOOK = """async ([address, kind]) => {
    const shown = document.createElement(kind);
    document.body.append(shown);
    if (kind === 'video') {
        shown.muted = true;
        shown.src = address;
        await new Promise((ok, failed) => { shown.onloadeddata = ok; shown.onerror = () => failed(shown.error); });
        // That it was sought says nothing of the frame: on a busy machine it is black until it was presented.
        const presented = new Promise((there) => shown.requestVideoFrameCallback(there));
        await new Promise((there) => { shown.onseeked = there; shown.currentTime = shown.duration / 2; });
        await presented;
    } else {
        shown.src = address;
        await shown.decode();
    }
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [shown.videoWidth || shown.naturalWidth, shown.videoHeight || shown.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(shown, 0, 0);
    shown.remove();
    const at = (place) => [...context.getImageData((place + 0.5) * canvas.width / 5, canvas.height / 2, 1, 1).data];
    return [0, 1, 2, 3, 4].map((place) => at(place).slice(0, 3));
}"""


def stored(form: str, pixels: Pixels | None = None, quality: int | None = 92) -> bytes:
    parameters = {"output_format": form, "output_quality": None if form in ("png", "gif") else quality, "fps": 16}
    return encode_output(striped(96, 64)[0] if pixels is None else pixels, parameters, METADATA).data


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_sd_parsers_reads_how_a_picture_was_made(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{form}"
    path.write_bytes(stored(form))
    read = ParserManager().parse(path)
    assert read is not None
    assert [prompt.value for prompt in read.prompts] == [PARAMETERS["prompt"]]
    assert [prompt.value for prompt in read.negative_prompts] == ["blurred"]
    [sampler] = read.samplers
    assert sampler.parameters["seed"] == str(2**64 - 1)
    assert sampler.parameters["steps"] == "20"


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_piexif_reads_the_comment_as_exif_says(form: str) -> None:
    data = stored(form)
    # Of an AVIF piexif knows the block, not the file around it.
    read = piexif.load(Image.open(io.BytesIO(data)).info["exif"] if form == "avif" else data)
    comment = read["Exif"][piexif.ExifIFD.UserComment]
    assert isinstance(comment, bytes)  # of type BYTE it would be numbers
    assert UserComment.load(comment) == METADATA.text
    assert read["Exif"][piexif.ExifIFD.ExifVersion] == b"0230"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not CHROMIUM and not os.environ.get("CI"):
        pytest.skip("needs chromium: apt-get install chromium, or set CHROMIUM")
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser.new_page()
        browser.close()


def seen(page: Page, data: bytes, kind: str) -> np.ndarray:
    """The five colours as Chromium shows them."""
    address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return np.array(page.evaluate(LOOK, [address, "video" if kind.startswith("video") else "img"]))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_chromium_shows_a_clip_in_its_colours_at_every_size(page: Page, width: int, height: int) -> None:
    data = stored("mp4", striped(width, height), 80)
    assert np.abs(seen(page, data, "video/mp4") - np.array(COLOURS)).max() <= 3


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", "gif"])
def test_chromium_shows_a_picture_in_its_colours(page: Page, form: str) -> None:
    data = stored(form, striped(96, 64) if form == "gif" else None)
    assert np.abs(seen(page, data, f"image/{form}") - np.array(COLOURS)).max() <= 3
