#!/usr/bin/env bash
# What the FileSequence of OpenCue's pycue 1.37.0 makes of paths that it wrote itself, seen 2026-12-01:
#
#   `FileSequence("shot.8-10####.exr")` has frames of four digits: shot.0008.exr … Its `getOpenRVPath()` is
#   shot.8-10@@@@.exr, where each @ stands for a digit, as in RV. The same class takes that path without an error, and then
#   lists shot.8.exr, shot.9.exr, shot.10.exr: it reads # as padding, and passes over @. Who keeps the path that the
#   viewer is given, and lists its files from there, finds none of them.
#     - a # beside them counts alone: 8-10#@@@ is padded to one digit;
#     - a range that begins with a zero (0008-0010) is padded to four digits, with @ or without.
#
# It installs this version from the package registry into a folder of its own, and exits with 1 if any of that is
# different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opencue-pycue==1.37.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys

from FileSequence import FileSequence


def files(path):
    found = FileSequence(path).getFileList()
    print(f"{path}: {', '.join(found)}")
    return found


written = FileSequence("shot.8-10####.exr").getOpenRVPath()
padded, plain = ["shot.0008.exr", "shot.0009.exr", "shot.0010.exr"], ["shot.8.exr", "shot.9.exr", "shot.10.exr"]
seen = {
    "shot.8-10####.exr": padded,
    written: plain,
    "shot.8-10#@@@.exr": plain,
    "shot.0008-0010@@@@.exr": padded,
    "shot.0008-0010.exr": padded,
}
if written != "shot.8-10@@@@.exr" or {path: files(path) for path in seen} != seen:
    print("different from what was seen")
    sys.exit(1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
