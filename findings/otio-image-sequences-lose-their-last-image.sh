#!/usr/bin/env bash
# How many images a sequence has for OpenTimelineIO 0.18.1, by which renders are handed to editing, seen 2026-11-30:
#
#   `[ref.target_url_for_image_number(i) for i in range(ref.number_of_images_in_sequence())]` is how its documentation lists all files. The number
#   is a length in seconds by a rate, cut off. So the last image is left out, and asking for it raises IndexError:
#   1. On twos (`frame_step=2`, frames 1, 3, 5, …, as when every second frame is rendered) of an odd length: 81 frames, Wan's usual
#      number, are 41 files, and it lists 40. On fours, of 81, 20 of 21.
#   2. Where the clip's rate and that of the files are 24000/1001 and 23.976, or 30000/1001 and 29.97, both usual ways to write one rate:
#      80 of 81. The other way round it is right.
#   No error, no warning; even lengths and one way to write the rate, as in a test, are right.
#
# Expected before it was tried: every image that is shown in the range. Compute the list from `start_frame`, `frame_step` and `end_frame()`,
# which is 81 in the first case. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opentimelineio==0.18.1"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import ImageSequenceReference


def listed(frames, step=1, rate=24.0, clip_rate=None):
    """How many files are listed of those that there are, the last one's name, and the last frame by `end_frame`."""
    clip_rate = clip_rate or rate
    shown = TimeRange(RationalTime(0, clip_rate), RationalTime(frames, clip_rate))
    reference = ImageSequenceReference(
        target_url_base="file:///shot/", name_prefix="shot.", name_suffix=".exr", start_frame=1, frame_step=step, rate=rate,
        frame_zero_padding=4, available_range=shown,
    )
    files = [reference.target_url_for_image_number(number) for number in range(reference.number_of_images_in_sequence())]
    return len(files), len(range(1, frames + 1, step)), files[-1].rsplit("/", 1)[1], reference.end_frame()


FILM, TV = 24000 / 1001, 30000 / 1001
found = {
    "80 frames": listed(80), "81 frames": listed(81),
    "80 on twos": listed(80, 2), "81 on twos": listed(81, 2), "81 on fours": listed(81, 4),
    "81 of 24000/1001, files 23.976": listed(81, rate=23.976, clip_rate=FILM),
    "81 of 23.976, files 24000/1001": listed(81, rate=FILM, clip_rate=23.976),
    "81 of 30000/1001, files 29.97": listed(81, rate=29.97, clip_rate=TV),
}
expected = {
    "80 frames": (80, 80, "shot.0080.exr", 80),
    "81 frames": (81, 81, "shot.0081.exr", 81),
    "80 on twos": (40, 40, "shot.0079.exr", 80),
    "81 on twos": (40, 41, "shot.0079.exr", 81),
    "81 on fours": (20, 21, "shot.0077.exr", 81),
    "81 of 24000/1001, files 23.976": (80, 81, "shot.0080.exr", 80),
    "81 of 23.976, files 24000/1001": (81, 81, "shot.0081.exr", 81),
    "81 of 30000/1001, files 29.97": (80, 81, "shot.0080.exr", 80),
}
print(f"OpenTimelineIO {version('opentimelineio')}; files listed, files there are, the last listed, the last frame")
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected[what] else '   CHANGED, was ' + str(expected[what])}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
