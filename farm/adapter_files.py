"""What a LoRA file says of itself: its header is read, its weights are not, so no torch is needed.

safetensors: 8 bytes with the header's length (little-endian), a JSON header with each tensor's dtype, shape and place,
then the tensors (https://github.com/huggingface/safetensors, "Format").
"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from farm.adapter_layouts import FileLayer, HeaderTensor, NoLora, read_layers
from farm.errors import Fault, InvalidRequest

#: A header larger than this belongs to no LoRA: 100,000 tensors fit.
HEADER_BYTES = 20_000_000
_DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4}


@dataclass(frozen=True)
class AdapterFacts:
    """What the header says: the layers that are changed, and the largest rank."""

    parts: tuple[FileLayer, ...]

    @property
    def layers(self) -> int:
        """How many layers are changed."""
        return len(self.parts)

    @property
    def rank(self) -> int:
        """The largest of its layers; 0 where none has two halves."""
        return max(layer.rank for layer in self.parts)


def read_adapter(data: bytes, *, field: str = "") -> AdapterFacts:
    """Check a file that claims to be a LoRA for a transformer.

    Raises:
        InvalidRequest: it is no safetensors file, is truncated, or holds what no LoRA holds; `field` is the place
            that the fault names.
    """
    tensors = _header(data, field)
    start = 8 + int.from_bytes(data[:8], "little")

    def is_zero(name: str) -> bool:
        begin, end = tensors[name]["data_offsets"]
        return data.count(0, start + begin, start + end) == int(end - begin)

    found = [HeaderTensor(name, told["dtype"], tuple(told["shape"])) for name, told in tensors.items()]
    try:
        return AdapterFacts(tuple(read_layers(found, is_zero)))
    except NoLora as no_lora:
        _refuse(field, str(no_lora))


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


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest([Fault(field, message)])
