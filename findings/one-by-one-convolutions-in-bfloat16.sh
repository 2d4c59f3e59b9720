#!/usr/bin/env bash
# A 1 x 1 convolution in bfloat16 on a CPU, torch 2.13.0+cpu, seen 2026-11-30 on a Xeon with AMX, one thread: 2.2 to 3.0 times the
# time of the same product as a linear layer; in float32 0.9 to 1.1 times. With channels last it is 1.1 to 2.7 times, from run to run
# on a busy machine, so that layout is printed and not judged. Values agree to bfloat16's rounding.
#
# It matters where a model writes its feed-forward so, as Sana's does (two of three layers of diffusers' GLUMBConv, the
# largest of the transformer): a layer of the 1.6 B Sana is 1.4 times as fast with them as products
# (tests/benchmarks/mixed_passes.py). Expected before it was tried: the same kernel, since it is the same product.
#
# Install, CPU only; exits with 1 if the convolution takes less than 1.5 times the linear layer. Without AMX it may.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import statistics
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(1)


def seconds(work):
    begun = time.process_time()
    work()
    return time.process_time() - begun


@torch.no_grad()
def ratio(dtype, layout):
    convolution = torch.nn.Conv2d(2240, 11200, 1).to(dtype).to(memory_format=layout)
    positions = torch.randn(1, 256, 2240, dtype=dtype)
    picture = positions.unflatten(1, (16, 16)).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    weight = convolution.weight.detach().flatten(1).contiguous()
    linear = lambda: F.linear(positions, weight, convolution.bias)  # noqa: E731
    off = (convolution(picture).flatten(2).mT.float() - linear().float()).abs().max() / linear().float().abs().max()
    turns = [seconds(lambda: convolution(picture)) / seconds(linear) for _ in range(8)]
    return statistics.median(turns[1:]), off.item()


print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
found = {}
for dtype in (torch.float32, torch.bfloat16):
    for layout in (torch.contiguous_format, torch.channels_last):
        found[dtype, layout], off = ratio(dtype, layout)
        print(f"{dtype}, {layout}: convolution over linear {found[dtype, layout]:.2f}, values off by {off:.1e}")
sys.exit(found[torch.bfloat16, torch.contiguous_format] < 1.5)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
