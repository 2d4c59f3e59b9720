#!/usr/bin/env bash
# Which frames of a render are in the clip that MoviePy 2.2.1 makes of them, seen 2026-11-29:
#
#   `ImageSequenceClip(frames, fps=24)` is how programs around diffusion models turn frames into a file. Of 81 frames, Wan's usual
#   length, the last is lost at 24 a second; at 30 one is lost and another shown twice, at 25 two, at 15 seven, at 10 thirteen. Of the
#   whole rates up to 60, 15 give what was put in. At 16, Wan's own, 8 and 32 all is right, so nothing is seen until frames are
#   interpolated or another model runs. Times are compared as floats of which one is of 32 bits, and lengths are summed up.
#   No error, no warning. Open as Zulko/moviepy issues 2412 and 2507.
#
# Expected before it was tried: each frame once, in order, whatever the rate. Write frames to ffmpeg's pipe yourself (as
# imageio-ffmpeg's `write_frames` does), or load frames at 16 and change `fps` by ffmpeg. Install, no torch; exits with 1 if any of
# that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "moviepy==2.2.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg
import numpy
from moviepy import ImageSequenceClip

COUNT = 81
frames = [numpy.full((16, 16, 3), number, numpy.uint8) for number in range(COUNT)]


def shown(fps):
    """The numbers of the frames that are written at this rate, in order."""
    return [int(frame[0, 0, 0]) for frame in ImageSequenceClip(frames, fps=fps).iter_frames(fps=fps)]


print(f"moviepy {version('moviepy')}, numpy {numpy.__version__}")
summary = {}
for fps in range(1, 61):
    numbers = shown(fps)
    summary[fps] = len(numbers), COUNT - len(set(numbers)), len(numbers) - len(set(numbers))
right = [fps for fps in summary if summary[fps] == (COUNT, 0, 0)]
for fps in (8, 10, 12, 15, 16, 24, 25, 30, 32, 60):
    print(f"  {fps:2} a second: {summary[fps][0]} frames, {summary[fps][1]} of {COUNT} missing, {summary[fps][2]} repeated")
print(f"  right at {len(right)} of 60 rates: {right}")
path = Path(sys.argv[1]) / "clip.mp4"
ImageSequenceClip(frames, fps=24).write_videofile(str(path), logger=None)
in_file, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
print(f"  a file of 24 a second has {in_file} frames")
expected = {8: (81, 0, 0), 16: (81, 0, 0), 32: (81, 0, 0), 24: (80, 1, 0)}
as_seen = all(summary[fps] == these for fps, these in expected.items()) and in_file == 80
as_seen &= all(summary[fps][1] for fps in (10, 12, 15, 24, 25, 30)) and len(right) < 30
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
