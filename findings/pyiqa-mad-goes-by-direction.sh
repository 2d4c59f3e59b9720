#!/usr/bin/env bash
# How far apart MAD of pyiqa 0.1.16 (torch 2.13.0) says two pictures are, upright, mirrored and oblong, seen 2026-11-30:
#
#   MAD ("most apparent distortion", less is better) is one of the metrics of `pyiqa.create_metric` that need no weights, so it judges
#   upscalers and codecs where nothing can be fetched.
#   1. It compares five scales in four directions, and weighs by scale, from 0.5 for the finest to 6. The loop takes the weights
#      by direction instead: what runs along one diagonal counts 6.7 times what runs along the other. Faint stripes at 45 degrees score
#      44; the same two pictures, both mirrored, 21. Weighed by scale it is 19 either way.
#   2. Its filter of what the eye resolves is transposed and then pressed into the size of the picture. In a square nothing is seen of it;
#      in any other picture rows of the filter are torn and lie elsewhere. Level stripes of 18 of 255 levels across 128 x 256 score 0, as do
#      two equal pictures; with the filter as it was computed 41. So an upscaler with such lines wins.
#   No error, no warning.
#
# Expected before it was tried: the same for a pair and for its mirror image, as of GMSD (the control), and a score for what is plain to see.
# Generated pictures. What the package imports for its other metrics is left out. Install, CPU only; exits with 1 if any of that is
# different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3" "scipy==1.17.1"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "pyiqa==0.1.16"

cat > "$folder/probe.py" <<'PYTHON'
import importlib
import math
import sys
from importlib.metadata import distribution, version
from types import ModuleType
from unittest.mock import MagicMock

for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.utils"):
    sys.modules[name] = MagicMock()
for name in ("pyiqa", "pyiqa.archs", "pyiqa.utils"):  # their own __init__ import every metric
    package = ModuleType(name)
    package.__path__ = [str(distribution("pyiqa").locate_file(name.replace(".", "/")))]
    sys.modules[name] = package
import numpy
import torch

torch.set_num_threads(1)
mad = importlib.import_module("pyiqa.archs.mad_arch")
gmsd = importlib.import_module("pyiqa.archs.gmsd_arch").GMSD()
WEIGHTS = [0.5, 0.75, 1, 5, 6]


def picture(height, width):
    """Grey with the spectrum of photographs."""
    noise = numpy.fft.fft2(numpy.random.default_rng(1).standard_normal((height, width)))
    frequency = numpy.hypot(numpy.fft.fftfreq(height)[:, None], numpy.fft.fftfreq(width)[None])
    frequency[0, 0] = 1
    levels = numpy.fft.ifft2(noise / frequency).real
    levels = (0.5 + 0.15 * levels / levels.std()).clip(0, 1)
    return torch.tensor(numpy.repeat(levels[None, None], 3, axis=1), dtype=torch.float32)


def striped(original, degrees):
    y, x = numpy.mgrid[: original.shape[2], : original.shape[3]]
    phase = (x * math.cos(math.radians(degrees)) + y * math.sin(math.radians(degrees))) / 6
    return (original + torch.tensor(0.08 * numpy.sin(2 * math.pi * phase), dtype=torch.float32)).clamp(0, 1)


def by_scale(reference, other):
    """The second half of MAD, with the weights by scale."""
    total = 0
    for direction, pairs in enumerate(zip(mad.gaborconvolve(reference), mad.gaborconvolve(other), strict=True)):
        assert direction < 4
        for weight, pair in zip(WEIGHTS, zip(*pairs, strict=True), strict=True):
            deviation, skew, kurtosis = (
                abs(one - two)
                for one, two in zip(*(mad.ical_stat(mad.math_util.abs(band)) for band in pair), strict=True)
            )
            total = total + weight / 13.25 * (deviation + 2 * skew + kurtosis)
    return torch.norm(total.flatten(2), dim=2) / math.sqrt(total.shape[2] * total.shape[3])


@torch.inference_mode()
def score(other, original, metric):
    return round(float(metric(other, original).mean()), 3)


def transposed_back(height, width, frequencies):
    return numpy.ascontiguousarray(made_filter(height, width, frequencies).T)


print(f"pyiqa {version('pyiqa')}, torch {torch.__version__}")
metric, weighed_by_direction, made_filter = mad.MAD(), mad.lo_index, mad.make_csf
original = picture(128, 128)
lines = striped(original, 45)
pairs = [(lines, original), (lines.flip(3), original.flip(3))]
as_it_is = [score(*pair, metric) for pair in pairs]
control = [score(*pair, gmsd) for pair in pairs]
mad.lo_index = by_scale
mended = [score(*pair, metric) for pair in pairs]
mad.lo_index = weighed_by_direction
print(f"  1. stripes at 45 degrees, upright and mirrored: {as_it_is}; weighed by scale {mended}; GMSD {control}")

original = picture(128, 256)
lines = striped(original, 90)
oblong = score(lines, original, metric)
equal = score(original, original, metric)
mad.make_csf = transposed_back
filtered = score(lines, original, metric)
levels = 255 * float(abs(lines - original).max())
print(f"  2. stripes of {levels:.0f} levels: {oblong}; equal pictures {equal}; with the filter as computed {filtered}")

as_seen = as_it_is[0] > 1.5 * as_it_is[1] and abs(mended[0] - mended[1]) < 1 and abs(control[0] - control[1]) < 0.001
sys.exit(not (as_seen and oblong == equal == 0 and filtered > 10))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
