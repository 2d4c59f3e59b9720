#!/usr/bin/env bash
# Whose prompt sd-parsers 0.6 reads out of a JPEG (Pillow 13.0.0), seen 2026-11-30:
#
#   The library reads prompts out of pictures of A1111, ComfyUI, Fooocus and others. For a JPEG it remembers the last text by the
#   number that `id()` gives of the picture's object, so as not to read it twice. Python gives that number again as soon as
#   the object is gone. A program that opens a picture, has it parsed and lets it go, as an upload or a gallery does, gets the
#   prompt, seed and model of the picture before it for some: none to 59 of 300 below, by the chance of
#   memory, all with texts of their own. So one customer's render can be shown with another's prompt. WebP is read by the same
#   function. Of files by path, or of pictures held to the end, each has its own. No error, no warning.
#
# Expected before it was tried: each file's own text. Hand over paths, or keep the last picture until the next is read.
# Pictures of our own making. Install, no torch; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "sd-parsers==0.6" "pillow==13.0.0" "piexif==1.1.3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import piexif
import piexif.helper
from PIL import Image
from sd_parsers import ParserManager

COUNT = 300
folder = Path(sys.argv[1])
reader = ParserManager()


def saved(number, kind):
    text = f"picture number {number}\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {number}, Size: 64x64, Model: one"
    comment = piexif.helper.UserComment.dump(text, encoding="unicode")
    path = folder / f"{number}.{kind}"
    Image.new("RGB", (64, 64)).save(path, exif=piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}}))
    return path


def prompt(picture_or_path):
    return reader.parse(picture_or_path).prompts[0].value


def of_an_upload(path):
    picture = Image.open(BytesIO(path.read_bytes()))
    return prompt(picture)


def of_a_gallery(path):
    picture = Image.open(BytesIO(path.read_bytes()))
    said = prompt(picture)
    picture.resize((16, 16))
    return said


def wrong(prompts):
    """How many of these are another picture's."""
    return sum(prompt != f"picture number {number}" for number, prompt in enumerate(prompts))


print(f"sd-parsers {version('sd-parsers')}, pillow {version('pillow')}: of {COUNT} pictures so many have another one's prompt")
let_go = kept = 0
for kind in ("jpg", "webp"):
    paths = [saved(number, kind) for number in range(COUNT)]
    held = [Image.open(path) for path in paths]
    counts = {
        "one after the other": wrong([prompt(Image.open(path)) for path in paths]),
        "uploads": wrong([of_an_upload(path) for path in paths]),
        "with thumbnails": wrong([of_a_gallery(path) for path in paths]),
        "held to the end": wrong([prompt(picture) for picture in held]),
        "by path": wrong([prompt(path) for path in paths]),
    }
    print(f"  {kind:5}", counts)
    kept += counts["held to the end"] + counts["by path"]
    let_go += sum(counts.values())
sys.exit(0 if let_go > 0 and kept == 0 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
