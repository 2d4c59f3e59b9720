"""What a LoRA file says of itself: its header is read, its weights are not, so no torch is needed.

safetensors: 8 bytes with the header's length (little-endian), a JSON header with each tensor's dtype, shape and place,
then the tensors (https://github.com/huggingface/safetensors, "Format").
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from farm.errors import Fault, InvalidRequest

#: A header larger than this belongs to no LoRA: 100,000 tensors fit.
HEADER_BYTES = 20_000_000
#: Larger ranks are whole models in disguise.
MOST_RANK = 512
_DTYPES = {"F32": 4, "F16": 2, "BF16": 2}
#: The two halves of a layer's change, in the spellings of diffusers, kohya and musubi.
_DOWN = re.compile(r"[._](lora_A|lora_down|lora\.down)(\.[\w-]+)?\.weight$")
_UP = re.compile(r"[._](lora_B|lora_up|lora\.up)(\.[\w-]+)?\.weight$")
_ALSO = re.compile(r"[._]alpha$")


@dataclass(frozen=True)
class AdapterFacts:
    """What the header says: how many layers are changed, and the largest rank."""

    layers: int
    rank: int


def read_adapter(data: bytes, *, field: str = "") -> AdapterFacts:
    """Check a file that claims to be a LoRA for a transformer.

    Raises:
        InvalidRequest: it is no safetensors file, is truncated, or holds what no LoRA holds; `field` is the place
            that the fault names.
    """
    tensors = _header(data, field)
    down, up = _layers(tensors, _DOWN), _layers(tensors, _UP)
    strange = [name for name in tensors if not (_DOWN.search(name) or _UP.search(name) or _ALSO.search(name))]
    if strange:
        _refuse(
            field, f"holds {strange[0][:120]!r}, which is no part of a LoRA (lora_A, lora_B, lora_down, lora_up, alpha)"
        )
    if not down:
        _refuse(field, "holds no LoRA layers (names that end with lora_A.weight or lora_down.weight)")
    if lonely := sorted(down.keys() ^ up.keys()):
        _refuse(field, f"has only one half of the layer {lonely[0][:120]!r}; a LoRA has two for each")
    rank = 0
    for layer, tensor in down.items():
        rank = max(rank, tensor["shape"][0])
        if tensor["shape"][0] != up[layer]["shape"][1]:
            _refuse(
                field,
                f"the halves of the layer {layer[:120]!r} do not fit each other: "
                f"{tensor['shape']} and {up[layer]['shape']}",
            )
    if rank > MOST_RANK:
        _refuse(field, f"has rank {rank}, and at most {MOST_RANK} is accepted")
    return AdapterFacts(len(down), rank)


def _header(data: bytes, field: str) -> dict[str, Any]:
    """The tensors by name. Their places must cover the rest of the file, no more and no less."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or length > min(len(data) - 8, HEADER_BYTES):
        _refuse(field, "is no safetensors file, or was cut off; send the .safetensors file itself")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        _refuse(field, "is no safetensors file: its header is no JSON object")
    header.pop("__metadata__", None)
    end = 0
    for name, tensor in header.items():
        if not _is_whole(tensor):
            _refuse(field, f"the tensor {name[:120]!r} is no matrix of floats, or its size and its place disagree")
        end = max(end, tensor["data_offsets"][1])
    if 8 + length + end != len(data):
        _refuse(field, f"has {len(data):,} bytes and its header speaks of {8 + length + end:,}; send it again")
    return header


def _is_whole(tensor: Any) -> bool:
    """Whether a header's entry is one of floats whose shape fills its place."""
    try:
        begin, end = tensor["data_offsets"]
        shape, width = tensor["shape"], _DTYPES[tensor["dtype"]]
        count = 1
        for side in shape:
            if type(side) is not int or side < 1:
                return False
            count *= side
        return type(begin) is int and type(end) is int and begin >= 0 and end - begin == count * width
    except (KeyError, TypeError, ValueError):
        return False


def _layers(tensors: dict[str, Any], half: re.Pattern[str]) -> dict[str, dict[str, Any]]:
    """One half of each layer, by the layer's name; only matrices and convolutions count."""
    return {
        half.sub("", name): tensor for name, tensor in tensors.items() if half.search(name) and len(tensor["shape"]) > 1
    }


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest([Fault(field, message)])
