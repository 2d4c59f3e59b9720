#!/usr/bin/env bash
# Which frame decord 0.6.0 and imageio 2.38.1 (plugin pyav, av 18.1.0) give for a number, of a clip that was cut, seen 2026-11-30:
#
#   Clips for training and for reference are cut out of long ones at the shots by `ffmpeg -ss … -c copy`: nothing is encoded
#   anew, the file begins at the key frame before, and an edit list says from where it is shown.
#   1. decord, by which most training code for video models reads: `reader[i]` in order is right. After any jump the frames from
#      the next key frame on are too early, by as many as the edit list hides: `get_batch([0, 4, 8, 12, …])` of a clip that is
#      cut five frames behind a key frame gives 0, 4, 3, 7, 11, …: the motion goes back once, and one number is two frames,
#      by the way that one comes to it. `len()` counts the hidden ones, and the last frame is given for them again.
#   2. imageio, `imread(clip, index=i, plugin="pyav")` of a clip that starts late (its first time is not 0, as of a piece of a
#      stream): a number is off by the frames that would fit in front. With a second at 16 a second, 4 is 0 and 40 is 24.
#   No error, no warning. Cut at a key frame decord is right; OpenCV's seeking by number is right in all (the controls).
#
# Expected before it was tried: the frame of that number, as the clip is shown. Encode anew when cutting, or read in order.
# Clips of our own making, each frame with its number in black and white. Install, no torch; exits with 1 if it is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "decord==0.6.0" "imageio==2.38.1" "av==18.1.0" \
    "imageio-ffmpeg==0.8.1" "opencv-python-headless==5.0.0.93" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import os
import subprocess
import sys
from importlib.metadata import version

import av
import cv2
import decord
import imageio.v3 as imageio
import imageio_ffmpeg
import numpy

os.chdir(sys.argv[1])
FRAMES, RATE, KEY_FRAMES, FIELD, BITS = 60, 16, 12, 32, 8


def drawn(number):
    bits = [255 * (number >> bit & 1) for bit in range(BITS)]
    return numpy.repeat(numpy.repeat(numpy.array(bits, numpy.uint8)[None], FIELD, 1), 2 * FIELD, 0)[..., None].repeat(3, 2)


def number_of(picture):
    middles = numpy.asarray(picture)[FIELD, FIELD // 2 :: FIELD].mean(1)
    return sum(1 << bit for bit in range(BITS) if middles[bit] > 127)


def ffmpeg(*arguments):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments], check=True)


with av.open("whole.mp4", "w") as out:
    stream = out.add_stream("libx264", rate=RATE)
    stream.width, stream.height, stream.pix_fmt, stream.codec_context.gop_size = BITS * FIELD, 2 * FIELD, "yuv420p", KEY_FRAMES
    for number in range(FRAMES):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(drawn(number), format="rgb24")))
    out.mux(stream.encode())
ffmpeg("-ss", "0.3", "-i", "whole.mp4", "-c", "copy", "cut.mp4")
ffmpeg("-ss", "1.5", "-i", "whole.mp4", "-c", "copy", "cut-at-key.mp4")
ffmpeg("-i", "whole.mp4", "-c", "copy", "-output_ts_offset", "1", "late.mp4")


def by_decord(clip, wanted):
    return [number_of(picture) for picture in decord.VideoReader(clip).get_batch(wanted).asnumpy()]


def by_imageio(clip, wanted):
    return [number_of(imageio.imread(clip, index=place, plugin="pyav")) for place in wanted]


def by_opencv(clip, wanted):
    capture, found = cv2.VideoCapture(clip), []
    for place in wanted:
        capture.set(cv2.CAP_PROP_POS_FRAMES, place)
        found.append(number_of(capture.read()[1]))
    return found


print(*(f"{name} {version(name)}" for name in ("decord", "imageio", "av", "opencv-python-headless")))
right, told = {}, {}
for clip in ("whole.mp4", "cut.mp4", "cut-at-key.mp4", "late.mp4"):
    with av.open(clip) as opened:
        shown = [number_of(frame.to_ndarray(format="rgb24")) for frame in opened.decode(video=0)]
    wanted = list(range(0, len(shown), 4))
    due = [shown[place] for place in wanted]
    told[clip] = {by.__name__: by(clip, wanted) for by in (by_decord, by_imageio, by_opencv)}
    in_order = decord.VideoReader(clip)
    told[clip]["decord, in order"] = [number_of(in_order[place].asnumpy()) for place in range(len(shown))][::4]
    right[clip] = {name for name, found in told[clip].items() if found == due}
    print(f"{clip}: {len(shown)} frames, decord counts {len(in_order)}; every fourth is {due}")
    for name, found in told[clip].items():
        print(f"    {name:17}", "right" if found == due else found)
every = {"by_decord", "by_imageio", "by_opencv", "decord, in order"}
as_seen = right["whole.mp4"] == every and right["late.mp4"] == every - {"by_imageio"}
as_seen &= right["cut.mp4"] == {"by_opencv", "by_imageio", "decord, in order"} and right["cut-at-key.mp4"] == every
drops = sum(later < earlier for earlier, later in zip(told["cut.mp4"]["by_decord"], told["cut.mp4"]["by_decord"][1:]))
sys.exit(0 if as_seen and drops == 1 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
