#!/usr/bin/env bash
# In which order fileseq 3.4.0 gives frames whose names have a hyphen before the number, seen 2026-11-30:
#
#   `clip-0001.png` to `clip-0081.png`, as many programs around diffusion models name frames, are for `findSequencesOnDisk` the frames
#   -81 to -1 of `clip`: it takes the hyphen for a minus. So the sequence begins with the last picture. Who renders, encodes or
#   submits it in its own order has the clip backwards, `frame(1)` names a file that is not there, and a farm's job for frames 1 to
#   81 finds none. Number of files, padding and completeness are right, so a check of the sequence passes. With `_` or `.` before
#   the number it is right. No error, no warning. (With one file, `seed-42.png` is frame -42 of `seed`.)
#
# Expected before it was tried: 1 to 81, as files sort; a minus where one stands behind a separator (`clip.-0001.png`). clique 2.0.0
# reads them so (below). Name frames by `_` or `.`. Install, empty files; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "fileseq==3.4.0" "clique==2.0.0"

cat > "$folder/probe.py" <<'PYTHON'
import os
import sys
from importlib.metadata import version
from pathlib import Path

import clique
import fileseq

folder = Path(sys.argv[1])
found = {}
for sign in "-_.":
    frames = folder / f"frames{ord(sign)}"
    frames.mkdir()
    for number in range(1, 82):
        (frames / f"clip{sign}{number:04d}.png").touch()
    sequence = fileseq.findSequencesOnDisk(str(frames))[0]
    names = [os.path.basename(path) for path in sequence]
    found[f"{sign}, fileseq"] = f"{sequence.start()} to {sequence.end()}, {names[0]} first, {len(names)} files"
    found[f"{sign}, frame 1 is there"] = os.path.exists(sequence.frame(1))
    collection = clique.assemble(os.listdir(frames))[0][0]
    found[f"{sign}, clique"] = f"{min(collection.indexes)} to {max(collection.indexes)}, {next(iter(collection))} first"

expected = {}
for sign in "-_.":
    first = "-81 to -1, clip-0081.png first" if sign == "-" else f"1 to 81, clip{sign}0001.png first"
    expected[f"{sign}, fileseq"] = f"{first}, 81 files"
    expected[f"{sign}, frame 1 is there"] = sign != "-"
    expected[f"{sign}, clique"] = f"1 to 81, clip{sign}0001.png first"
print(f"fileseq {version('fileseq')}, clique {version('clique')}")
for what, seen in found.items():
    print(f"  {what:24} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
