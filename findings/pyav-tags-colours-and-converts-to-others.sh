#!/usr/bin/env bash
# What colours a clip has that PyAV 18.1.0 writes with the tags of BT.709, seen 2026-11-29:
#
#   A player that is told nothing guesses the matrix by the height, so a clip is tagged: `stream.codec_context.colorspace = 1`
#   (and range, primaries, transfer). PyAV makes yuv420p of RGB frames itself as it encodes. It writes the tag and converts by
#   BT.601 all the same: every player that believes the tag is up to 28 of 255 levels off, pure green loses 27. Reading is the
#   other way: `to_ndarray(format="rgb24")` goes by the tag. So what PyAV reads and writes with equal tags, a video to video
#   render or a cut, is off once more each time. No error, no warning.
#   `frame.reformat(format="yuv420p", dst_colorspace="ITU709")` before encoding gives 3 levels, as ffmpeg's own filter does.
#
# Expected before it was tried: conversion by the matrix that the stream says, as in reading. The ffmpeg of imageio-ffmpeg
# 0.8.1 judges what was written. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "av==18.1.0" "imageio-ffmpeg==0.8.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import av
import imageio_ffmpeg
import numpy

folder = Path(sys.argv[1])
COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (128, 128, 128), (255, 255, 255), (0, 0, 0)]
HEIGHT, WIDTH = 64, 64 * len(COLOURS)
MIDDLES = range(32, WIDTH, 64)
picture = numpy.concatenate([numpy.full((HEIGHT, 64, 3), colour, numpy.uint8) for colour in COLOURS], axis=1)
FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
RAW = ["-f", "rawvideo", "-pix_fmt", "rgb24"]


def write(path, rgb, tagged=True, converted=False):
    """Four frames of this picture by PyAV."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=16, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if tagged:
            context = stream.codec_context
            context.colorspace = context.color_range = context.color_primaries = context.color_trc = 1  # BT.709, limited
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            if converted:
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def by_ffmpeg(path):
    raw = subprocess.check_output([*FFMPEG, "-i", str(path), "-frames:v", "1", *RAW, "-"])
    return numpy.frombuffer(raw, numpy.uint8).reshape(HEIGHT, WIDTH, 3)


def by_pyav(path):
    with av.open(str(path)) as clip:
        return next(clip.decode(video=0)).to_ndarray(format="rgb24")


def off(seen):
    """The most levels by which the middle of any field is off."""
    return int(max(abs(seen[32, place].astype(int) - picture[32, place]).max() for place in MIDDLES))


def told(path):
    with av.open(str(path)) as clip:
        frame = next(clip.decode(video=0))
        return "BT.709" if int(frame.colorspace) == 1 else "unknown" if int(frame.colorspace) == 2 else "other"


print(f"av {av.__version__}, imageio-ffmpeg {imageio_ffmpeg.__version__}, ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}")
levels = {}
for name, options in {
    "PyAV, no tags": {"tagged": False},
    "PyAV, tagged": {},
    "PyAV, tagged and converted by reformat": {"converted": True},
}.items():
    write(folder / "clip.mp4", picture, **options)
    levels[name] = off(by_ffmpeg(folder / "clip.mp4")), off(by_pyav(folder / "clip.mp4")), told(folder / "clip.mp4")
subprocess.run(
    [
        *FFMPEG, "-y", *RAW, "-s", f"{WIDTH}x{HEIGHT}", "-r", "16", "-i", "-", "-vf", "scale=out_color_matrix=bt709:out_range=tv",
        "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "4", str(folder / "clip.mp4"),
    ],
    input=picture.tobytes() * 4,
    check=True,
)
levels["ffmpeg, tagged and converted"] = *(off(read(folder / "clip.mp4")) for read in (by_ffmpeg, by_pyav)), told(folder / "clip.mp4")
for times in (1, 2):
    write(folder / "next.mp4", by_pyav(folder / "clip.mp4"))
    (folder / "next.mp4").replace(folder / "clip.mp4")
    levels[f"that, read and written by PyAV {times} times"] = (
        *(off(read(folder / "clip.mp4")) for read in (by_ffmpeg, by_pyav)), told(folder / "clip.mp4"),
    )
for name, (ffmpegs, pyavs, tag) in levels.items():
    print(f"  {name:40} off by {ffmpegs:3} as ffmpeg reads it, {pyavs:3} as PyAV does; told {tag}")
right = {name for name, (ffmpegs, pyavs, _) in levels.items() if max(ffmpegs, pyavs) <= 5}
wrong = {name for name, (ffmpegs, pyavs, _) in levels.items() if min(ffmpegs, pyavs) >= 20}
as_seen = right == {"PyAV, no tags", "PyAV, tagged and converted by reformat", "ffmpeg, tagged and converted"}
as_seen &= wrong == set(levels) - right and levels["PyAV, tagged"][2] == "BT.709"
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
