#!/usr/bin/env bash
# What `safetensors.numpy` of safetensors 0.8.0 writes of arrays that are not laid out row by row, seen 2026-11-30:
#
#   `save` and `save_file` take an array's shape, and its bytes as they lie in memory. Of a transposed matrix, of columns that were
#   cut out, or of a Fortran-ordered array the file holds other numbers: neighbours of the array, or the array in another
#   order. A LoRA whose halves are handed over as `down.T`, a merge by numpy's `svd`, latents turned from (height, width, channels) and
#   every second frame of a clip are such arrays. Shape, dtype and names in the file are right, so it loads everywhere, and renders
#   something. 0.7.0 wrote the right numbers, so the same program changed by an upgrade. No error, no warning; a LoRA written so is
#   wrong for good. `safetensors.torch` refuses such tensors. Open as safetensors/safetensors issue 825 (Fortran order; columns and steps
#   are not named there).
#
# Expected before it was tried: the numbers, as before, or the error of `safetensors.torch`. `numpy.ascontiguousarray` first helps.
# Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/new"
python3 -m venv "$folder/old"
"$folder/new/bin/pip" install --quiet --disable-pip-version-check "safetensors==0.8.0" "numpy<3"
"$folder/old/bin/pip" install --quiet --disable-pip-version-check "safetensors==0.7.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from pathlib import Path

import numpy
import safetensors
from safetensors.numpy import load, load_file, save, save_file

file = Path(sys.argv[1]) / "weights.safetensors"
weights = numpy.random.default_rng(0).random((8, 6), dtype=numpy.float32)
arrays = {
    "as it is": weights,
    "rows": weights[2:5],
    "transposed": weights.T,
    "Fortran order": numpy.asfortranarray(weights),
    "columns": weights[:, :3],
    "every second row": weights[::2],
    "transposed, copied": numpy.ascontiguousarray(weights.T),
}
plain = {"as it is", "rows", "transposed, copied"}
right = {}
for name, array in arrays.items():
    save_file({"weights": array}, file)
    right[name] = numpy.array_equal(load_file(file)["weights"], array)
    assert right[name] == numpy.array_equal(load(save({"weights": array}))["weights"], array)
expected = {name: safetensors.__version__ == "0.7.0" or name in plain for name in right}
print(f"safetensors {safetensors.__version__}, numpy {numpy.__version__}")
for name, seen in right.items():
    print(f"  {name:20} {'right' if seen else 'other numbers'}{'' if seen == expected[name] else '   CHANGED'}")
sys.exit(right != expected)
PYTHON
"$folder/old/bin/python" "$folder/probe.py" "$folder"
"$folder/new/bin/python" "$folder/probe.py" "$folder"
