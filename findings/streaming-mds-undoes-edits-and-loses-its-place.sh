#!/usr/bin/env bash
# What comes back of samples that MosaicML's streaming wrote, and where its loader goes on (mosaicml-streaming 0.13.0, torch 2.13.0), seen
# 2026-12-01:
#
#   `MDSWriter(columns={…})` writes pictures, arrays and captions into shards, and `StreamingDataLoader` streams them to a training that can be
#   broken off and resumed in the middle of an epoch.
#   1. Column `jpeg`: of a picture that was opened from a JPEG file the file is read again. What was done to it in place is lost: a face blacked
#      out, a paste, `thumbnail()`; the picture is there in full, and in full size. (pillow-jxl-plugin does the same as it saves.)
#   2. Column `pil`: a picture with a palette, as masks and GIFs are, keeps its indices and loses its palette: of red and green comes black.
#   3. Column `ndarray`: an array of the other byte order, as numpy has it of many TIFF and FITS files, comes back with its bytes swapped: 1 is
#      4.6e-41. Column `int32` (and its kin) cuts off 2.7 to 2, though one for `int` refuses it.
#   4. The loader counts samples by the length of the first thing in a batch. If a batch is a list of samples, as a `collate_fn` for pictures of many
#      sizes makes it, that is the length of the first sample. After three batches of four with two fields a sample it has counted 6 of
#      12, so six are trained on again; of latents with 16 channels 48, so 36 samples are never seen. A batch that is a dict and begins
#      with something else than a column, its size say, is counted by that. Dicts and tuples of columns are right.
#   No error, no warning. (Where 4 leads beyond the end of the epoch, as after a few batches of pictures with 512 rows, ValueError says so.)
#
# Expected before it was tried: the picture as it is in memory, palette and byte order with it or an error, and as many samples as were handed out.
# `picture.copy()`, `convert("RGB")` and `array.astype("=f4")` first; batches as dicts of columns. Generated data; torchvision, which the package
# wants for its ready data sets, is a mock. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "transformers==5.23.0" "pillow==13.0.0" "numpy<3" brotli zstd python-snappy xxhash tqdm requests catalogue
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mosaicml-streaming==0.13.0"

cat > "$folder/probe.py" <<'PYTHON'
import importlib.machinery
import shutil
import sys
import types
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy
import torch
import transformers.feature_extraction_utils
import transformers.tokenization_utils_base  # both look for torchvision, so before the mock
from PIL import Image, ImageDraw

for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.io"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
sys.modules["torchvision.datasets"].VisionDataset = torch.utils.data.Dataset
sys.modules["torchvision.transforms.functional"].to_tensor = None
sys.modules["torchvision.io"].read_video = None
warnings.simplefilter("ignore")
from streaming import MDSWriter, StreamingDataLoader, StreamingDataset  # noqa: E402

folder = Path(sys.argv[1])
shards = folder / "shards"


def back(column, value):
    shutil.rmtree(shards, ignore_errors=True)
    with MDSWriter(out=str(shards), columns={"value": column}) as writer:
        writer.write({"value": value})
    return StreamingDataset(local=str(shards), batch_size=1)[0]["value"]


print(f"mosaicml-streaming {version('mosaicml-streaming')}, torch {torch.__version__}")
Image.new("RGB", (96, 64), (130, 130, 130)).save(folder / "photo.jpg")
blacked_out = Image.open(folder / "photo.jpg")
ImageDraw.Draw(blacked_out).rectangle((10, 10, 60, 50), fill=(0, 0, 0))
small = Image.open(folder / "photo.jpg")
small.thumbnail((48, 48))
edits = blacked_out.getpixel((30, 30)), back("jpeg", blacked_out).getpixel((30, 30)), small.size, back("jpeg", small).size
copied = back("jpeg", blacked_out.copy()).getpixel((30, 30))
print(f"  1. a pixel blacked out {edits[0]}: {edits[1]}, of a copy {copied}; a thumbnail of {edits[2]}: {edits[3]}")

mask = Image.new("RGB", (32, 32), (255, 0, 0))
mask.paste((0, 255, 0), (0, 0, 16, 32))
mask = mask.quantize(4)
colours = [[picture.convert("RGB").getpixel((x, 5)) for x in (5, 25)] for picture in (mask, back("pil", mask))]
print(f"  2. a mask of {colours[0]}: {colours[1]}")

numbers = float(back("ndarray", numpy.ones(3, ">f4"))[0]), float(back("ndarray", numpy.ones(3, "<f4"))[0]), int(back("int32", 2.7))
print(f"  3. 1 in the other byte order: {numbers[0]:.2g}, in this one {numbers[1]:g}; 2.7: {numbers[2]}")

SAMPLES = 200
shutil.rmtree(shards)
with MDSWriter(out=str(shards), columns={"number": "int", "caption": "str"}) as writer:
    for number in range(SAMPLES):
        writer.write({"number": number, "caption": "x" * (number % 5)})


def loader(collate):
    dataset = StreamingDataset(local=str(shards), shuffle=False, batch_size=4, num_canonical_nodes=1)
    return StreamingDataLoader(dataset, batch_size=4, collate_fn=collate)


def numbers_of(samples):
    return [sample["number"] for sample in samples]


COLLATE = {
    "dict of columns": (None, lambda batch: batch["number"]),
    "list of samples": (list, numbers_of),
    "list of latents": (
        lambda samples: [torch.full((16, 8, 8), sample["number"]) for sample in samples],
        lambda batch: [latents[0, 0, 0] for latents in batch],
    ),
    "dict with a size first": (lambda samples: {"size": (96, 64), "number": numbers_of(samples)}, lambda batch: batch["number"]),
}
counted = {}
for what, (collate, of_batch) in COLLATE.items():
    broken_off, resumed = loader(collate), loader(collate)
    batches = iter(broken_off)
    seen = [int(number) for _ in range(3) for number in of_batch(next(batches))]
    state = broken_off.state_dict()
    resumed.load_state_dict(state)
    seen += [int(number) for batch in resumed for number in of_batch(batch)]
    twice, never = len(seen) - len(set(seen)), SAMPLES - len(set(seen))
    counted[what] = (state["sample_in_epoch"], twice, never)
    print(f"  4. {what}: {counted[what][0]} counted of 12, {twice} seen twice, {never} never")

as_seen = edits[0] == copied == (0, 0, 0) and min(edits[1]) > 100 and edits[2:] == ((48, 32), (96, 64))
as_seen &= colours == [[(0, 255, 0), (255, 0, 0)], [(0, 0, 0)] * 2] and numbers[0] < 1e-30 and numbers[1:] == (1, 2)
expected = {"dict of columns": (12, 0, 0), "list of samples": (6, 6, 0), "dict with a size first": (6, 6, 0), "list of latents": (48, 0, 36)}
sys.exit(not (as_seen and counted == expected))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
