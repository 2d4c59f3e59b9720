#!/usr/bin/env bash
# What stands behind the last frame of a cut clip in imageio (2.38.1, plugin pyav, av 18.1.0), seen 2026-11-30:
#
#   `imread("clip.mp4", plugin="pyav")` reads all frames into one array. It makes that array for as many frames as the container
#   counts, without filling it. A clip that was cut by `ffmpeg -ss … -c copy` between two key frames counts the frames before the cut too,
#   and its edit list hides them. So the array has as many frames more than the clip, five below, and behind the last frame is what was in
#   that memory before: black, or the end of the clip that was read before it, as below. They are encoded, scored and learnt from as frames
#   of this clip; `improps` has the same wrong number.
#   `imiter` gives what is shown, and so does `imread` with any filter. No error, no warning.
#
# Expected before it was tried: the frames that are shown. Take `numpy.stack(list(imiter(…)))`. Clips of our own making, each frame
# with its number in black and white. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "imageio==2.38.1" "av==18.1.0" "imageio-ffmpeg==0.8.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import os
import subprocess
import sys
from importlib.metadata import version

import av
import imageio.v3 as imageio
import imageio_ffmpeg
import numpy

os.chdir(sys.argv[1])
SQUARE, BITS = 32, 8


def written(clip, first):
    """Sixty frames, each with its number as a row of black and white squares, and a key frame every twelve."""
    with av.open(clip, "w") as out:
        stream = out.add_stream("libx264", rate=16)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.gop_size = BITS * SQUARE, SQUARE, "yuv420p", 12
        for number in range(first, first + 60):
            row = numpy.array([255 * (number >> bit & 1) for bit in range(BITS)], numpy.uint8)
            picture = numpy.broadcast_to(row.repeat(SQUARE)[None, :, None], (SQUARE, BITS * SQUARE, 3))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(numpy.ascontiguousarray(picture), format="rgb24")))
        out.mux(stream.encode())


def numbers(pictures):
    """The numbers that are on the frames, None where the squares are neither black nor white."""
    read = []
    for picture in pictures:
        levels = picture[4:-4].reshape(SQUARE - 8, BITS, SQUARE, 3)[:, :, 4:-4].mean((0, 2, 3))
        plain = numpy.minimum(levels, 255 - levels).max() < 40
        read.append(sum(1 << bit for bit in range(BITS) if levels[bit] > 127) if plain else None)
    return read


written("whole.mp4", 1)
written("other.mp4", 101)
subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", "0.3", "-i", "whole.mp4", "-c", "copy", "cut.mp4"], check=True)
with av.open("cut.mp4") as clip:
    shown = numbers(frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0))

behind = []
for _ in range(6):
    imageio.imread("other.mp4", plugin="pyav")  # the clip before it in the same process
    read = numbers(imageio.imread("cut.mp4", plugin="pyav"))
    behind.append(read[len(shown) :])
through_a_filter = imageio.imread("cut.mp4", plugin="pyav", filter_sequence=[("null", "")])
found = {
    "frames that are shown": (len(shown), shown[0], shown[-1]),
    "frames that imread gives": len(read),
    "the first of them are those": read[: len(shown)] == shown,
    "a frame of the other clip was behind them": any((number or 0) > 100 for tail in behind for number in tail),
    "imiter gives what is shown": numbers(imageio.imiter("cut.mp4", plugin="pyav")) == shown,
    "imread with a filter": numbers(through_a_filter) == shown,
    "imread of the whole clip": numbers(imageio.imread("whole.mp4", plugin="pyav")) == list(range(1, 61)),
}
expected = {
    "frames that are shown": (55, 6, 60),
    "frames that imread gives": 60,
    "the first of them are those": True,
    "a frame of the other clip was behind them": True,
    "imiter gives what is shown": True,
    "imread with a filter": True,
    "imread of the whole clip": True,
}
print(*(f"{name} {version(name)}" for name in ("imageio", "av", "numpy")))
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected[what] else '   CHANGED, was ' + str(expected[what])}")
print(f"  behind the last frame, reading six times: {behind}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
