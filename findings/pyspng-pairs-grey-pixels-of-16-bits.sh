#!/usr/bin/env bash
# What the fast PNG readers of data sets, pyspng 0.1.4 and its fork pyspng-seunglab 1.1.3, make of greyscale with 16
# bits (depth maps, masks), seen 2026-12-01 with numpy 2.4.6:
#
#   Their words: `[height, width]` for greyscale. What comes is `[height, width, 2]`, from both, and without a remark:
#     - pyspng has the grey value in the first channel and 65535, an alpha that the file does not have, in the second;
#     - the fork, imported by the same name, has two neighbouring pixels in the two channels of one. So the picture is
#       squeezed into the upper half, each row beside the next, and the lower half is no part of the file: what lay in
#       memory before.
#   So `load(file)[..., 0]`, which is right with the one, is every second pixel of the upper half with the other. Greyscale
#   with 8 bits has its two dimensions, and 16 bits with an alpha in the file are right in both.
#
# It installs these versions from the package registry into a folder of its own, needs no GPU and no weights, and exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

cat > "$folder/probe.py" <<'PYTHON'
import io
import sys

import numpy as np
import pyspng
from PIL import Image

grey = np.arange(1, 13, dtype=np.uint16).reshape(3, 4) * 1000


def read(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return pyspng.load(file.getvalue())


deep, shallow = read(grey), read((grey // 256).astype(np.uint8))
print(f"{sys.argv[1]}: 16 bits come as {deep.shape} {deep.dtype}, the first pixels {deep.ravel()[:4].tolist()};")
print(f"    8 bits as {shallow.shape} {shallow.dtype}")
with_alpha = bool((deep[..., 0] == grey).all() and (deep[..., 1] == 65535).all())
paired = bool((deep.ravel()[: grey.size] == grey.ravel()).all())
seen = (deep.shape == (3, 4, 2), with_alpha, paired, shallow.shape == (3, 4))
if seen != (True, sys.argv[1] == "pyspng", sys.argv[1] != "pyspng", True):
    print("different from what was seen:", seen)
    sys.exit(1)
PYTHON

for package in pyspng==0.1.4 pyspng-seunglab==1.1.3; do
    name="${package%%==*}"
    python3 -m venv "$folder/$name"
    "$folder/$name/bin/pip" install --quiet --disable-pip-version-check "$package" "numpy==2.4.6" "pillow==13.0.0"
    "$folder/$name/bin/python" "$folder/probe.py" "$name"
done
