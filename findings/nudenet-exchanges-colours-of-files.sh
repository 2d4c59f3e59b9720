#!/usr/bin/env bash
# What the detector of NudeNet 3.4.2 sees of a picture that is handed over as a file, seen 2026-11-29:
#
#   `NudeDetector().detect("picture.png")` exchanges red and blue twice on the way to the model: OpenCV reads BGR, the code
#   turns it once by `COLOR_RGBA2BGR` and once more by `swapRB=True`, and the model, which was trained on RGB as YOLO models are, is shown BGR:
#   blue skin. So are files as bytes and OpenCV's own arrays. Arrays of Pillow (RGB) are seen right, so the same picture
#   has two results: a face in 36 variants of one photograph scores lower as a file in 34 of them, 0.81 to 0.84 on average
#   and 0.72 to 0.81 for the photograph itself.
#
# A threshold that was set with files lets other pictures through than one that was set with arrays; a farm that checks
# renders before it writes them hands over `numpy.asarray(image)`, with RGB. Expected before it was tried: one picture, one
# result, however it is handed over. The photograph is the astronaut of scikit-image. Install, CPU only; exits with 1
# if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "nudenet==3.4.2" "scikit-image<0.30" "pillow==13.0.0" "opencv-python-headless<6"

cat > "$folder/probe.py" <<'PYTHON'
import itertools
import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import skimage
from nudenet import NudeDetector
from PIL import Image, ImageEnhance, ImageOps

os.chdir(sys.argv[1])
detector = NudeDetector()
shown = []


class Listener:
    """Stands between the package and its model, and keeps what the model is shown."""

    def __init__(self, session):
        self.session = session

    def run(self, names, inputs):
        shown.append(next(iter(inputs.values())))
        return self.session.run(names, inputs)


detector.onnx_session = Listener(detector.onnx_session)


def both(image):
    """What is found in the picture as a file, and as an array of Pillow's."""
    image.save("picture.png")
    return detector.detect("picture.png"), detector.detect(np.asarray(image))


def face(found):
    return max((one["score"] for one in found if one["class"].startswith("FACE")), default=0.0)


print(f"nudenet {version('nudenet')}, scikit-image {version('scikit-image')}, Pillow {version('pillow')}")
both(Image.new("RGB", (320, 320), (255, 0, 0)))
channels = [tuple(float(value) for value in one[0, :, 160, 160]) for one in shown]
print(f"the model's three channels for pure red: from a file {channels[0]}, from an array {channels[1]}")
as_seen = channels == [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0)]

photograph = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
whole = [face(found) for found in both(photograph)]
print(f"the photograph: face {whole[0]:.2f} as a file, {whole[1]:.2f} as an array")
scores = []
for size, mirrored, light, cut in itertools.product((256, 384, 512), (False, True), (0.6, 1.0, 1.3), (0, 1)):
    variant = photograph.resize((size, size), Image.Resampling.BOX)
    variant = ImageEnhance.Brightness(ImageOps.mirror(variant) if mirrored else variant).enhance(light)
    edge = cut * size // 6
    scores.append([face(found) for found in both(variant.crop((edge, edge // 2, size - edge, size)))])
files, arrays = np.array(scores).T
lower = int((files < arrays).sum())
print(f"{len(scores)} variants: {files.mean():.3f} as files, {arrays.mean():.3f} as arrays, lower as a file in {lower}")
as_seen &= whole[1] - whole[0] > 0.05 and lower >= 30 and arrays.mean() - files.mean() > 0.02
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
