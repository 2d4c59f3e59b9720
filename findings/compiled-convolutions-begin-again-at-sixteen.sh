#!/usr/bin/env bash
# torch.compile and the number of rows, torch 2.13.0 on a CPU, seen 2026-11-30: a float32 convolution that was compiled for
# 2 rows, and anew for "any number" when it saw 4, is compiled once more when it sees 16. The same with a kernel of 1 x 1, of 3 x 3,
# and depthwise; in bfloat16 not, and not with a linear layer. The guard stands on the choice of the kernel (oneDNN
# is taken from 16 rows on), which is made with the number of rows as it is while tracing.
#
# It matters to whoever warms up a compiled diffusion transformer that has convolutions (Sana's blocks), or a VAE, with a
# small batch: the first full one, 8 pictures with guidance, has 16 rows and waits for a compiler (25 s on two cores for a
# block of the demo model). Expected before it was tried: automatic dynamic shapes end with the second shape.
#
# Install; exits with 1 if the numbers of compilations are others.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import torch
from torch import nn

ROWS = (2, 4, 5, 15, 16, 17, 64, 3)


@torch.no_grad()
def compilations(layer, shape, dtype):
    """How often the layer had been compiled after each number of rows. The backend compiles nothing: tracing alone counts."""
    torch._dynamo.reset()
    traced = []

    def backend(graph, inputs):
        traced.append(graph)
        return graph.forward

    compiled = torch.compile(layer.to(dtype).eval(), backend=backend)
    found = []
    for rows in ROWS:
        compiled(torch.zeros(rows, *shape, dtype=dtype))
        found.append(len(traced))
    return found


print(f"torch {torch.__version__}; rows {ROWS}")
picture = (8, 16, 16)
layers = {
    "1 x 1, float32": (nn.Conv2d(8, 8, 1), picture, torch.float32),
    "3 x 3, float32": (nn.Conv2d(8, 8, 3, padding=1), picture, torch.float32),
    "3 x 3 depthwise, float32": (nn.Conv2d(8, 8, 3, padding=1, groups=8), picture, torch.float32),
    "3 x 3, bfloat16": (nn.Conv2d(8, 8, 3, padding=1), picture, torch.bfloat16),
    "linear, float32": (nn.Linear(8, 8), (8,), torch.float32),
}
changed = False
for name, (layer, shape, dtype) in layers.items():
    again = name.endswith("float32") and isinstance(layer, nn.Conv2d)
    expected = [1, 2, 2, 2, 3, 3, 3, 3] if again else [1, 2, 2, 2, 2, 2, 2, 2]
    found = compilations(layer, shape, dtype)
    print(f"{name}: {found}")
    changed |= found != expected
sys.exit(changed)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
