#!/usr/bin/env bash
# What color-matcher 0.6.0 (numpy 2) makes of the colours of a picture that is to have those of another, seen 2026-11-30:
#
#   It is what ComfyUI's nodes and video pipelines call after a VAE or between windows of a long clip, as
#   `ColorMatcher().transfer(src=frame, ref=first, method=…)`, so that colours do not drift.
#   1. `method` does not choose between `mkl` and `mvgd`, nor between `hm-mkl-hm` and `hm-mvgd-hm`: what the constructor was given does, and
#      without that it is MKL. Both are the same to the last bit; an object that was made with `method="mvgd"` is asked for `mkl` and
#      gives MVGD, up to 41 levels from it.
#   2. `reinhard` writes 1/255 over each zero in both of the caller's arrays, the reference too. With uint8 that is zero again, and its
#      logarithm makes the whole picture NaN by one black pixel.
#   3. A black and white picture in three channels, or a plain frame as in a fade, has no spread in colour to divide by; rounding is divided
#      by instead. The same grey picture has another contrast in float32 than in float64, and from 0 to 255 than from 0 to 1;
#      a plain frame comes up to 11 levels too bright or dark.
#   4. The README saves by `Normalizer(result).uint8_norm()`, which stretches each frame from its own least to its largest value: matched to a
#      dim reference of 50 to 130, it is 0 to 255, and one bright pixel darkens all of its frame by 55 levels. A clip flickers.
#   No error; warnings of numpy in 2 only.
#
# Expected before it was tried: the method that was asked for, arrays as they were, the reference's mean and spread. Colour pictures by
# MKL are right (the control); clip to the range of the input instead of normalizing. Install, CPU only; exits with 1 if any of that is
# different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "numpy<3"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "color-matcher==0.6.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy
from color_matcher import ColorMatcher
from color_matcher.normalizer import Normalizer

numpy.seterr(all="ignore")
dice = numpy.random.default_rng(0)
picture = dice.random((48, 64, 3)) * 255
reference = dice.random((48, 64, 3)) * [60, 80, 70] + 50


def matched(source, method="mkl", made_with=None, target=reference):
    settings = {} if made_with is None else {"method": made_with}
    return ColorMatcher(**settings).transfer(src=source.copy(), ref=target.copy(), method=method)


def farthest(one, other):
    return float(abs(one - other).max())


print(f"color-matcher {version('color-matcher')}, numpy {numpy.__version__}")
control = matched(picture)
right = farthest(control.mean((0, 1)), reference.mean((0, 1))) < 0.01
right &= farthest(control.std((0, 1)), reference.std((0, 1))) < 0.01
print(f"  control, MKL of a colour picture: mean and spread as the reference's {right}")

pairs = [("mkl", "mvgd"), ("hm-mkl-hm", "hm-mvgd-hm")]
apart = [farthest(matched(picture, one), matched(picture, other)) for one, other in pairs]
asked = matched(picture, "mkl", made_with="mvgd")
overruled = farthest(asked, control)
same = farthest(asked, ColorMatcher(src=picture.copy(), ref=reference.copy(), method="mvgd").main())
print(f"  1. apart by {apart}; made with mvgd and asked for mkl: {overruled:.0f} from mkl, {same} from mvgd")

source, target = picture / 255, reference / 255
source[:24], target[:, :8] = 0, 0
zeros = [(array == 0).sum() for array in (source, target)]
ColorMatcher().transfer(src=source, ref=target, method="reinhard")
written = [int(before - (array == 0).sum()) for before, array in zip(zeros, (source, target), strict=True)]
frame = picture.clip(1).astype(numpy.uint8)
dark = frame.copy()
dark[0, 0] = 0
eight = reference.astype(numpy.uint8)
lost = [float(numpy.isnan(matched(array, "reinhard", target=eight)).mean()) for array in (frame, dark)]
print(f"  2. zeros written over in both {written}; share of NaN without and with a black pixel {lost}")

grey = numpy.repeat(dice.random((48, 64, 1)) * 0.8 + 0.1, 3, axis=-1)
ways = [(most, dtype) for most in (1, 255) for dtype in (numpy.float32, numpy.float64)]
spreads = []
for most, dtype in ways:
    result = matched((grey * most).astype(dtype), target=(reference / 255 * most).astype(dtype))
    spreads.append((result / most * 255).std((0, 1)).round(1))
frames = [numpy.full((48, 64, 3), level) for level in (0.1, 0.3, 0.5, 0.9)]
plain = [float((matched(array, target=reference / 255) * 255 - reference).mean()) for array in frames]
print(f"  3. spread of one grey picture {[spread.tolist() for spread in spreads]}")
print(f"     plain frames off by {numpy.round(plain, 1).tolist()}")

dim = frame // 2
bright = dim.copy()
bright[5, 5] = 255
saved = [Normalizer(matched(array, target=eight)).uint8_norm() for array in (dim, bright)]
ranges = [int(saved[0].min()), int(saved[0].max())]
darker = float(saved[0][10:].mean() - saved[1][10:].mean())
print(
    f"  4. saved from {ranges}, the reference is {eight.min()} to {eight.max()}; a bright pixel darkens by {darker:.0f}"
)

as_seen = right and apart == [0, 0] and overruled > 20 and same == 0
as_seen &= written == [int(count) for count in zeros] and lost == [0, 1]
as_seen &= max(farthest(one, spreads[0]) for one in spreads) > 5 and max(map(abs, plain)) > 5
as_seen &= ranges == [0, 255] and darker > 30
sys.exit(not as_seen)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
