#!/usr/bin/env bash
# What pyseq 0.9.3, by which render wranglers find image sequences, makes of frames without padding, seen 2026-12-01:
#
#   A sequence of clip_8.png … clip_11.png is called `clip_8-11.png`, its `frames()` are 8, 9, 10, 11, nothing of it is
#   `missing()`, and `start()` is 8. But whoever walks over it, or takes its first and last image, gets them as text is
#   sorted: 10, 11, 8, 9. A clip that is put together by that loop jumps, and the sequence says that all is well.
#     - the order of the names that it is given does not matter: sorted by number, they come out sorted as text;
#     - with padding (0008 … 0011) both agree, and so they do where all numbers have as many digits.
#
# It installs this version from the package registry into a folder of its own, and exits with 1 if any of that is
# different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pyseq==0.9.3"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import pyseq


def look(names):
    [sequence] = pyseq.get_sequences(names)
    walked = [image.frame for image in sequence]
    print(f"{sequence}: frames() {sequence.frames()}, walked over {walked}, missing {sequence.missing()}")
    return sequence.frames(), walked, sequence.missing(), sequence.start()


by_number = [8, 9, 10, 11]
found = look([f"clip_{number}.png" for number in by_number])
padded = look([f"clip_{number:04d}.png" for number in by_number])
if found != (by_number, [10, 11, 8, 9], [], 8) or padded != (by_number, by_number, [], 8):
    print("different from what was seen")
    sys.exit(1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
