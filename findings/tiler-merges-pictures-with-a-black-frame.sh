#!/usr/bin/env bash
# What tiler 0.6.0 (numpy 2) gives back of a picture that it cut into overlapping tiles and merged again, seen 2026-11-30:
#
#   Upscalers and VAEs that take pictures in tiles blend them with a window, so that no seam is seen: `Merger(tiler, window="hann")`. The
#   sum of tiles is divided by the sum of weights. Windows hann, bartlett, bohman and barthann are zero at their ends, so the outermost
#   pixels have no weight at all, and 0 / 0 is taken as 0. A picture comes back with a black frame, one pixel wide (above and on the
#   left alone where the tiles do not fit exactly); without an overlap, or with one of a single pixel, black lines stand between all
#   tiles too. The other windows, hamming and blackman among them, give the picture back (the controls). `overlap-tile` is black
#   wherever no tile has its middle, and the whole picture is with an overlap of one pixel or none. No error, no warning: numpy's own
#   are switched off.
#
# Expected before it was tried: the picture that was cut, by any window of the list, as the weights are normalized. `calculate_padding` and
# `merge(extra_padding=…)`, which the documentation asks for with `overlap-tile` only, help where tiles overlap by two pixels or
# more. Generated pictures. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "tiler==0.6.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy
from tiler import Merger, Tiler

SIZE, TILE = (104, 120, 3), (32, 48, 3)  # tiles with a quarter of overlap fit exactly
picture = (numpy.random.default_rng(0).random(SIZE) * 0.8 + 0.1).astype(numpy.float32)
frame = numpy.ones(SIZE[:2], bool)
frame[1:-1, 1:-1] = False


def lost(window, overlap, padded=False):
    """Which pixels come back as something else."""
    tiler = Tiler(data_shape=SIZE, tile_shape=TILE, overlap=overlap, channel_dimension=2)
    source, settings = picture, {}
    if padded:
        shape, padding = tiler.calculate_padding()
        tiler.recalculate(data_shape=shape)
        source, settings = numpy.pad(picture, padding, mode="reflect"), {"extra_padding": padding}
    merger = Merger(tiler, window=window)
    for number, tile in tiler(source):
        merger.add(number, tile)
    result = merger.merge(**settings)
    wrong = abs(result - picture).max(axis=-1) > 1e-4
    assert not result[wrong].any(), "what is wrong is black"
    return wrong


print(f"tiler {version('tiler')}, numpy {numpy.__version__}; shares of the picture that are black")
found = {}
for window in Merger.SUPPORTED_WINDOWS:
    black = [lost(window, overlap) for overlap in (0.25, 1, 0)]
    found[window] = [bool((black[0] == frame).all()), *(round(float(wrong.mean()), 3) for wrong in black)]
    print(f"  {window:15} the frame {found[window][0]}; a quarter, one and no pixel of overlap {found[window][1:]}")
mended = {window: not lost(window, 0.25, padded=True).any() for window in ("hann", "bartlett", "bohman", "barthann")}
print(f"  with padding as for overlap-tile: {mended}")

overlap_tile = found.pop("overlap-tile")
ends_in_zero = {window for window, (framed, *_) in found.items() if framed}
others = [shares for window, (_, *shares) in found.items() if window not in ends_in_zero]
as_seen = ends_in_zero == mended.keys() and all(mended.values()) and not any(map(any, others))
as_seen &= all(found[window][3] > found[window][1] > 0 for window in ends_in_zero)
sys.exit(not (as_seen and overlap_tile[3] == 1 and overlap_tile[1] > 0.05))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
