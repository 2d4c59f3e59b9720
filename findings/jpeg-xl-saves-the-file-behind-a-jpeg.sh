#!/usr/bin/env bash
# What pillow-jxl-plugin 1.3.8 (Pillow 13.0.0) writes of a JPEG that was opened and changed in place, seen 2026-11-29:
#
#   `image.save("x.jxl")` looks at where the picture came from. Of one that was opened from a JPEG file it does not encode
#   the pixels: it reads that file again and packs its bytes. All that was done in place is lost: a face blacked out, a
#   label drawn, `thumbnail((64, 64))` (the file has the full size again), a rotation. If another file lies under that name
#   by now, then that one is saved. The same steps on a PNG, or saved as WebP or AVIF, keep what was done, and so does a
#   JPEG that was handed over as a stream. There is a UserWarning about 'JPEG reconstruction', which says nothing of lost
#   changes; Python shows it once. `lossless_jpeg=False` or a `copy()` first saves the pixels.
#
# So a farm that blacks out or labels pictures of users and delivers JPEG XL can hand out what it meant to hide. Expected
# before it was tried: the pixels in memory, by whatever format the picture came. Install, CPU only; exits with 1 if any
# of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pillow-jxl-plugin==1.3.8" "pillow==13.0.0"

cat > "$folder/probe.py" <<'PYTHON'
import io
import os
import sys
import warnings
from importlib.metadata import version

import pillow_jxl  # noqa: F401  (registers the format)
from PIL import Image, ImageDraw, ImageOps

warnings.simplefilter("ignore")
os.chdir(sys.argv[1])
GREY, RED, BLACK = (120, 120, 120), (250, 0, 0), (0, 0, 0)


def near(seen, wanted):
    return max(abs(a - b) for a, b in zip(seen, wanted)) < 12


def source(kind):
    Image.new("RGB", (256, 128), GREY).save(f"source.{kind}", quality=95)
    return Image.open(f"source.{kind}")


def saved(image, kind="jxl", **arguments):
    image.save(f"result.{kind}", **arguments)
    with Image.open(f"result.{kind}") as result:
        return result.size, result.convert("RGB").getpixel((result.width // 2, result.height // 2))


def black_out(image):
    ImageDraw.Draw(image).rectangle((0, 0, *image.size), fill=BLACK)


def small(image):
    image.thumbnail((64, 64))


def turned(image):
    image.getexif()[274] = 6  # a camera held upright
    ImageOps.exif_transpose(image, in_place=True)


print(f"pillow-jxl-plugin {version('pillow-jxl-plugin')}, Pillow {version('pillow')}")
as_seen = True
for work, size, colour in ((black_out, (256, 128), BLACK), (small, (64, 32), GREY), (turned, (128, 256), GREY)):
    found = {}
    for name, kind, into, arguments in (
        ("JPEG to JXL", "jpg", "jxl", {}),
        ("JPEG to JXL, lossless_jpeg=False", "jpg", "jxl", {"lossless_jpeg": False}),
        ("JPEG to WebP", "jpg", "webp", {}),
        ("PNG to JXL", "png", "jxl", {}),
    ):
        with source(kind) as image:
            work(image)
            found[name] = saved(image, into, **arguments)
    with source("jpg") as image:
        copy = image.copy()
        work(copy)
        found["a copy of a JPEG to JXL"] = saved(copy)
    with Image.open(io.BytesIO(open("source.jpg", "rb").read())) as image:
        work(image)
        found["JPEG of a stream to JXL"] = saved(image)
    print(f"{work.__name__}: expected {size}, {colour}")
    for name, seen in found.items():
        print(f"    {name:33} {seen}")
        kept = seen[0] == size and near(seen[1], colour)
        as_seen &= kept == (name != "JPEG to JXL")
    as_seen &= found["JPEG to JXL"][0] == (256, 128) and near(found["JPEG to JXL"][1], GREY)

image = source("jpg")
image.load()
Image.new("RGB", (256, 128), RED).save("source.jpg", quality=95)  # the next picture under the same name
seen = saved(image)
print(f"another file under the name since: in memory {image.getpixel((128, 64))}, saved {seen}")
as_seen &= near(image.getpixel((128, 64)), GREY) and near(seen[1], RED)
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
