#!/usr/bin/env bash
# How good ColorVideoVDP (cvvdp 0.5.7, torch 2.13.0) says a grey picture is, as one channel and as three equal ones, seen 2026-11-30:
#
#   `cvvdp.predict(test, reference, dim_order="BCHW")` judges codecs, upscalers and renders in JOD, 10 for no difference. It takes
#   one channel or three, and refuses other numbers. Of one channel it makes luminance, and that one plane is then put into all three
#   channels of the eye: light, red to green and yellow to blue. So a grey picture is judged as a coloured one, and most of what is seen
#   are differences of hue. A blurred depth map, mask or black and white render has 8.4, and the same as equal RGB 6.2; with some noise
#   it is 8.2 and 9.0. The order is turned round: of grey pictures the blurred one wins, of the same in RGB the noisy one by far. A clip
#   in grey, blurred, has 7.3 and 3.7. No error, no warning.
#
# Expected before it was tried: the score of equal channels, where nothing has a hue. Repeat the channel first: `grey.repeat(1, 3, 1, 1)`.
# A picture in colour, alone and in a batch, is the control. Generated pictures; what the package imports for files and for its networks is a
# mock, and torchvision's blur is written below. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3" "scipy==1.17.1" tqdm "einops==0.8.*"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "cvvdp==0.5.7"

cat > "$folder/probe.py" <<'PYTHON'
import importlib
import sys
from importlib.metadata import version
from unittest.mock import MagicMock

FOR_FILES = (
    "ffmpeg",
    "imageio",
    "imageio.v2",
    "matplotlib",
    "matplotlib.pyplot",
    "pynvml",
    "pyexr",
    "cv2",
    "huggingface_hub",
)
for name in (
    *FOR_FILES,
    "torchvision",
    "torchvision.ops",
    "torchvision.transforms",
    "torchvision.transforms.functional",
):
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = MagicMock()
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad


class GaussianBlur(torch.nn.Module):
    """As torchvision.transforms has it."""

    def __init__(self, kernel_size, sigma):
        super().__init__()
        weights = torch.exp(-((torch.arange(kernel_size) - kernel_size // 2) ** 2) / (2 * sigma**2))
        self.weights, self.border = weights / weights.sum(), kernel_size // 2

    def forward(self, planes):
        separate = pad(planes.reshape(-1, 1, *planes.shape[-2:]), [self.border] * 4, mode="reflect")
        across = conv2d(separate, self.weights.view(1, 1, 1, -1))
        return conv2d(across, self.weights.view(1, 1, -1, 1)).reshape(planes.shape)


sys.modules["torchvision.transforms"].GaussianBlur = GaussianBlur
import pycvvdp

torch.set_num_threads(1)
judge = pycvvdp.cvvdp(display_name="standard_4k", device=torch.device("cpu"), quiet=True)
dice = torch.Generator().manual_seed(0)
picture = interpolate(torch.rand(2, 3, 16, 16, generator=dice), size=96, mode="bicubic").clamp(0, 1)
grey = picture[:1, :1]
HUES = slice(1, 3)


@torch.inference_mode()
def judged(test, reference, order="BCHW", **settings):
    """JOD for each picture, and how much of what is seen is seen as a difference of hue."""
    jod, details = judge.predict(test, reference, dim_order=order, **settings)
    seen = details["Q_per_ch"].sum(axis=(0, 2, 3))
    return [round(float(score), 2) for score in jod.flatten()], round(float(seen[HUES].sum() / seen.sum()), 2)


def as_colours(one):
    return one.repeat(1, 3, *[1] * (one.dim() - 2))


def noisy(clean, amount=0.1):
    return (clean + amount * torch.randn(clean.shape, generator=dice)).clamp(0, 1)


print(f"cvvdp {version('cvvdp')}, torch {torch.__version__}; JOD, and the share of hue in what is seen")
others = {"with noise": noisy(grey), "blurred": avg_pool2d(grey, 9, 1, 4, count_include_pad=False)}
one, three = {}, {}
for name, other in others.items():
    one[name], three[name] = judged(other, grey), judged(as_colours(other), as_colours(grey))
    print(f"  grey, {name}: as one channel {one[name]}, as three {three[name]}")
clip = grey[:, :, None].repeat(1, 1, 6, 1, 1)
frames = {"order": "BCFHW", "frames_per_second": 24}
blurred = others["blurred"][:, :, None].repeat(1, 1, 6, 1, 1)
moving = [judged(blurred, clip, **frames)[0][0], judged(as_colours(blurred), as_colours(clip), **frames)[0][0]]
print(f"  a clip, blurred: {moving}")
other = noisy(picture)
alone = [judged(other[place : place + 1], picture[place : place + 1])[0][0] for place in range(2)]
batch = judged(other, picture)[0]
print(f"  control, two pictures in colour: alone {alone}, in a batch {batch}")

(noise, hue), (blur, _) = one.values()
(noise_of_three, hue_of_three), (blur_of_three, _) = three.values()
as_seen = noise < blur and noise_of_three > blur_of_three and hue > 0.5 and hue_of_three < 0.01
sys.exit(not (as_seen and moving[0] - moving[1] > 1 and alone == batch))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
