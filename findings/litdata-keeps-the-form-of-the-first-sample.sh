#!/usr/bin/env bash
# What comes back of samples that litdata 0.2.76 (torch 2.13.0) wrote into a data set, seen 2026-11-30:
#
#   `litdata.optimize(fn=…)` writes what a function makes of each input, a dict with pictures, latents and captions, into chunks that
#   training streams. The form of the first sample is taken for all, and nothing compares the later ones with it:
#   1. What the first has not is dropped from all others: a `negative` prompt that it had no need of. None is an empty text. A list
#      or tuple that is longer goes on into the next field: of a size (832, 480, 81) and 30 steps come (832, 480) and 81 steps.
#   2. A 1-D array or tensor (tokens, an embedding) is stored as bytes, with the dtype of the first: four int32 after an int64 are
#      two numbers beyond a billion, four ones in float16 after a float32 are two of 0.0078. With two dimensions all is right.
#   3. A picture with a palette, as segmentation masks and GIFs are (Pillow's mode P), keeps its indices and loses its palette:
#      of a red and green mask comes black. The other modes are right.
#   No error, no warning; `optimize` prints the format that it inferred.
#
# Expected before it was tried: what was written, or an error at the sample that does not fit, as a text among numbers gives. The first
# sample must have all there is; convert("RGB"). Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "litdata==0.2.76" "pillow==13.0.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import os
import sys
import warnings

os.environ["LITDATA_DISABLE_VERSION_CHECK"] = "1"
warnings.simplefilter("ignore")
import litdata
import numpy
import torch
from PIL import Image

RED, GREEN = (255, 0, 0), (0, 255, 0)


def mask(mode):
    """Two pixels, red and green."""
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *GREEN])
    picture.putpixel((1, 0), 1)
    return picture.convert(mode)


def sample(number):
    """The first of three samples, and two that have more in them."""
    made = {
        "prompt": f"prompt {number}",
        "tokens": numpy.arange(4, dtype=numpy.int32 if number else numpy.int64),
        "pooled": torch.ones(4, dtype=torch.float16 if number else torch.float32),
        "embedding": torch.ones(2, 2, dtype=torch.float16 if number else torch.float32),
        "mask": mask("P"),
        "coloured": mask("RGB"),
        "style": None if number else "oil",
        "size": (832, 480, 81) if number else (832, 480),
        "steps": 30,
    }
    return made | {"negative": "blurry"} if number else made


def colours(picture):
    picture = picture.convert("RGB")
    return [picture.getpixel((x, 0)) for x in range(2)]


def main(folder):
    litdata.optimize(fn=sample, inputs=[0, 1, 2], output_dir=folder, chunk_size=8, num_workers=1)
    data = litdata.StreamingDataset(folder)
    found = [data[number] for number in range(3)]
    first, last = found[0], found[2]
    seen = {
        "prompt": last["prompt"] == "prompt 2",
        "tokens of the first": first["tokens"].tolist() == [0, 1, 2, 3],
        "tokens": last["tokens"].tolist() == [0, 1, 2, 3],
        "pooled": last["pooled"].tolist() == [1, 1, 1, 1],
        "embedding": last["embedding"].tolist() == [[1, 1], [1, 1]],
        "mask of the first": colours(first["mask"]) == [RED, GREEN],
        "coloured": colours(last["coloured"]) == [RED, GREEN],
        "size": tuple(last["size"]) == (832, 480, 81),
        "steps": last["steps"] == 30,
        "style": last["style"] is None,
        "negative": last.get("negative") == "blurry",
    }
    print(f"litdata {litdata.__version__}, torch {torch.__version__}")
    print(f"  the last sample: {dict(last, mask=colours(last['mask']), coloured=colours(last['coloured']))}")
    right = {"prompt", "tokens of the first", "embedding", "coloured"}
    for name, as_written in seen.items():
        changed = "" if as_written == (name in right) else "   CHANGED"
        print(f"  {name:20} {'as written' if as_written else 'not what was written'}{changed}")
    return any(as_written != (name in right) for name, as_written in seen.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder/data"
