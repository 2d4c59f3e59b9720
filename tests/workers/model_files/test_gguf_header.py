"""A GGUF header that lies is refused at once; where it was believed, one of these would not end."""

import struct
from pathlib import Path

import pytest

from workers.model_files.weights import BadWeights, check_whole

U8, ARRAY, STRING = 0, 9, 8
F32 = 0


def _start(tensors: int, keys: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _tensor(*sides: int, kind: int = F32, offset: int = 0) -> bytes:
    return _text("w") + struct.pack(f"<I{len(sides)}QIQ", len(sides), *sides, kind, offset)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"GGUF",
        b"PK\x03\x04" + bytes(100),
        _start(0, 2**63),
        _start(2**63, 0),
        _start(0, 1) + struct.pack("<Q", 2**63),
        _start(0, 1) + _text("a") + struct.pack("<IIQ", ARRAY, U8, 2**60),
        _start(0, 1) + _text("a") + struct.pack("<IIQ", ARRAY, STRING, 2**60),
        _start(0, 1) + _text("a") + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 3_000 + bytes(100),
        _start(0, 1) + _text("a") + struct.pack("<IQ", 77, 0),
        _start(0, 1) + struct.pack("<Q", 1) + b"\xff" + struct.pack("<IQ", U8, 0),
        _start(1, 0) + _text("w") + struct.pack("<I", 2**31) + bytes(100),
        _start(1, 0) + _tensor(2**40) + bytes(100),
        _start(1, 0) + _tensor(2**32, 2**32) + bytes(100),
        _start(1, 0) + _tensor(8, kind=99) + bytes(100),
        _start(1, 0) + _tensor(8, offset=2**62) + bytes(100),
        _start(2, 0) + _tensor(1) + _tensor(1) + bytes(100),
    ],
    ids=range(17),
)
def test_a_header_that_promises_what_is_not_there_is_refused(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(header)
    with pytest.raises(BadWeights, match="fetch it again"):
        check_whole([path])


def test_one_that_holds_what_it_promises_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    start = _start(1, 1) + _text("a") + struct.pack("<IIQ4B", ARRAY, U8, 4, 1, 2, 3, 4) + _tensor(2, 2)
    path.write_bytes(start + bytes(-len(start) % 32) + bytes(16))
    check_whole([path])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadWeights, match="goes on to byte"):
        check_whole([path])
