"""What a LoRA file says of itself: its header is read, its weights are not, so no torch is needed.

safetensors: 8 bytes with the header's length (little-endian), a JSON header with each tensor's dtype, shape and place,
then the tensors (https://github.com/huggingface/safetensors, "Format").
"""

import json
from collections import Counter
from dataclasses import dataclass
from mmap import mmap
from typing import Any, NoReturn

from farm.adapters.layouts import FileLayer, HeaderTensor, NoLora, read_layers
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence

#: A header larger than this belongs to no LoRA; trainers keep the captions of all their pictures in it.
HEADER_BYTES = 20_000_000
#: The largest that we know, of a model of 40 blocks with norms and biases, has about 4,000.
MOST_TENSORS = 20_000
MOST_NAME_CHARS = 400
#: A convolution over space and time has five sides.
MOST_SIDES = 8
#: Of one tensor; also what keeps products of sides small.
MOST_BYTES = 2**40
#: Of a number in a header: 2^63 has 19.
MOST_DIGITS = 19
#: Bytes of a tensor that are looked at at once.
PIECE = 1_000_000
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


def read_adapter(data: bytes | mmap, *, field: str = "") -> AdapterFacts:
    """Check a file that claims to be a LoRA for a transformer. A mapped file is read where it is looked at.

    Raises:
        InvalidRequest: it is no safetensors file, is truncated, or holds what no LoRA holds; `field` is the place
            that the fault names.
    """
    tensors = _header(data, field)
    start = 8 + int.from_bytes(data[:8], "little")

    def is_zero(name: str) -> bool:
        begin, end = tensors[name]["data_offsets"]
        places = range(start + begin, start + end, PIECE)
        return all(not any(data[place : min(place + PIECE, start + end)]) for place in places)

    found = [HeaderTensor(name, told["dtype"], tuple(told["shape"])) for name, told in tensors.items()]
    try:
        return AdapterFacts(tuple(read_layers(found, is_zero)))
    except NoLora as no_lora:
        _refuse(field, str(no_lora))


def _header(data: bytes | mmap, field: str) -> dict[str, Any]:
    """The tensors by name. Their places must cover the rest of the file, each byte once."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or data[8:9] != b"{" or length > min(len(data) - 8, HEADER_BYTES):
        _refuse(field, "is no safetensors file, or was cut off; send the .safetensors file itself")
    try:
        header: dict[str, Any] = json.loads(data[8 : 8 + length], object_pairs_hook=_once, parse_int=_place)
    except (ValueError, RecursionError) as error:
        _refuse(field, f"is no safetensors file: its header {error if isinstance(error, _Twice) else 'is no JSON'}")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        _refuse(field, "is no safetensors file: its '__metadata__' holds something else than texts")
    if len(header) > MOST_TENSORS:
        _refuse(field, f"holds {len(header):,} tensors, and a LoRA has at most {MOST_TENSORS:,}")
    for name, tensor in header.items():
        if len(name) > MOST_NAME_CHARS:
            _refuse(field, f"holds a tensor whose name has {len(name):,} characters: {name[:40]!r}…")
        if not _is_whole(tensor):
            _refuse(field, f"the tensor {name[:120]!r} is no matrix of floats, or its size and its place disagree")
    _check_places(header, len(data) - 8 - length, field)
    return header


def _check_places(header: dict[str, Any], size: int, field: str) -> None:
    """The format allows neither holes nor bytes that belong to two tensors: one after the other, to the last byte."""
    before, end = "", 0
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"][0]):
        begin = tensor["data_offsets"][0]
        if begin != end:
            told = sentence("begins inside") if begin < end else sentence("leaves a hole behind")
            _refuse(field, f"the tensor {name[:120]!r} {told} {before[:120]!r}; write the file again")
        before, end = name, tensor["data_offsets"][1]
    if end != size:
        _refuse(field, f"has {size:,} bytes of tensors and its header speaks of {end:,}; send it again")


def _is_whole(tensor: Any) -> bool:
    """Whether a header's entry is one of numbers whose shape fills its place."""
    if not isinstance(tensor, dict) or tensor.keys() != {"dtype", "shape", "data_offsets"}:
        return False
    shape, places = tensor["shape"], tensor["data_offsets"]
    width = _DTYPES.get(tensor["dtype"]) if isinstance(tensor["dtype"], str) else None
    if width is None or not _are_whole(shape, MOST_SIDES) or not _are_whole(places, 2) or len(places) != 2:
        return False
    size = width
    for side in shape:
        size *= side
        if not 0 < size <= MOST_BYTES:  # looked at on the way: a product of many sides would be endless
            return False
    return bool(places[1] - places[0] == size)


def _are_whole(numbers: Any, most: int) -> bool:
    return isinstance(numbers, list) and len(numbers) <= most and all(type(number) is int for number in numbers)


class _Twice(ValueError):
    """A key is given twice in one object, which the format forbids."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        raise _Twice(f"names {twice[:120]!r} twice")
    return found


def _place(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError
    return int(digits)


def _refuse(field: str, message: str) -> NoReturn:
    raise InvalidRequest([Fault(field, message)])
