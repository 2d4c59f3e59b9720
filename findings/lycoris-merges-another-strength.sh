#!/usr/bin/env bash
# How strong an adapter of LyCORIS is once it is merged into a model (lycoris-lora 4.1.3, torch 2.13.0), seen 2026-11-30:
#
#   An adapter file is put beside a model by `apply_to()`, as it was trained, or added to the weights by `merge_to()`, as is done before a
#   checkpoint is saved, quantized or served. The two should be the same model.
#   1. LoHa: `merge_to` multiplies by alpha / rank twice. Of a usual file, rank 16 and alpha 8, half the effect is left, at rank 32 and
#      alpha 1 a thirty-second of it. Where alpha is the rank all is right, and so are LoRA and LoKr with any alpha.
#   2. DoRA (`dora_wd`): `merge_to(precise=True)`, which is there to be more exact (it adds in float64), leaves out the magnitudes,
#      of LoRA, LoHa and LoKr: what is merged is another adapter. Without `precise` LoRA and LoKr are right.
#   3. DyLoRA: what is trained is `block_size` (4 unless told) times as strong as its file is, read by LyCORIS or by others: in training
#      alpha is divided by the number of blocks, in the file by the rank. With several blocks each call draws a rank by chance in
#      evaluation too, so samples on the way are other pictures each time.
#   No error, no warning.
#
# Expected before it was tried: one model, whichever way. Tiny layers with weights by chance, adapters written and read by the
# library itself. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "lycoris-lora==4.1.3" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import copy
import logging
import random
import sys
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import torch
from lycoris import create_lycoris, create_lycoris_from_weights

torch.manual_seed(0)
torch.set_num_threads(1)
torch.set_grad_enabled(False)
model = torch.nn.Sequential(torch.nn.Linear(24, 32, bias=False))
inputs = torch.randn(4, 24)
plain = model(inputs)


def trained(algorithm, alpha, **options):
    """A model with an adapter of rank 4, its weights by chance, and the adapter's file."""
    torch.manual_seed(1)
    adapted = copy.deepcopy(model)
    network = create_lycoris(adapted, 1.0, linear_dim=4, linear_alpha=alpha, algo=algorithm, **options)
    network.apply_to()
    for weight in network.parameters():
        weight.add_((0.3 * torch.randn(weight.shape)).to(weight.dtype))
    network.eval()
    return adapted, {name: tensor.clone() for name, tensor in network.state_dict().items()}


def loaded(file):
    served = copy.deepcopy(model)
    network, _ = create_lycoris_from_weights(1.0, None, served, weights_sd=dict(file))
    return served, network


def applied(file):
    served, network = loaded(file)
    network.apply_to()
    network.eval()
    return served


def merged(file, precise=False):
    served, network = loaded(file)
    network.merge_to(1.0, precise=precise)
    return served


def effect(served):
    return served(inputs) - plain


def share(seen, right):
    """One effect as a share of the other, or None where it is another effect."""
    factor = float((seen * right).sum() / (right * right).sum())
    return round(factor, 3) if torch.allclose(seen, factor * right, atol=1e-4) else None


found = {}
for algorithm in ("lora", "lokr", "loha"):
    for alpha in (4, 2, 1):
        _, file = trained(algorithm, alpha)
        found[f"{algorithm}, alpha {alpha}, merged"] = share(effect(merged(file)), effect(applied(file)))
    _, file = trained(algorithm, 4, dora_wd=True)
    for precise in (False, True):
        found[f"{algorithm}, dora, merged{' precisely' if precise else ''}"] = share(
            effect(merged(file, precise)), effect(applied(file))
        )
for algorithm in ("lora", "dylora"):
    adapted, file = trained(algorithm, 4)
    found[f"{algorithm}, alpha 4, its file"] = share(effect(applied(file)), effect(adapted))
random.seed(0)
adapted, _ = trained("dylora", 4, block_size=1)
several = len({round(float(adapted(inputs).abs().sum()), 3) for _ in range(20)})

expected = {what: 1.0 for what in found}
expected |= {"loha, alpha 2, merged": 0.5, "loha, alpha 1, merged": 0.25, "dylora, alpha 4, its file": 0.25}
expected |= {f"{algorithm}, dora, merged precisely": None for algorithm in ("lora", "lokr", "loha")}
print(f"lycoris-lora {version('lycoris-lora')}, torch {torch.__version__}")
for what, seen in found.items():
    text = "another effect" if seen is None else f"{seen} of the effect"
    print(f"  {what:30} {text}{'' if seen == expected[what] else '   CHANGED'}")
print(f"  dylora in blocks of 1 gives {several} outputs for one input")
sys.exit(not (found == expected and several > 1))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
