"""A LoRA is looked at before it is kept: by its header alone, whatever was sent."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.adapters.file_header import read_adapter
from farm.errors import InvalidRequest

DOWN, UP = "transformer.blocks.0.to_q.lora_A.weight", "transformer.blocks.0.to_q.lora_B.weight"


def lora(shapes: dict[str, list[int]], *, dtype: str = "F32", cut: int = 0, ones: bool = False) -> bytes:
    """A safetensors file of zeros, or of bytes of one."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}.get(dtype, 1)
        for side in shape:
            size *= side
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + (b"\x01" if ones else b"\x00") * end
    return data[: len(data) - cut]


@pytest.mark.parametrize(
    ("down", "up"),
    [
        (DOWN, UP),
        ("lora_unet_blocks_0_to_q.lora_down.weight", "lora_unet_blocks_0_to_q.lora_up.weight"),
        ("diffusion_model.blocks.0.q.lora_A.default.weight", "diffusion_model.blocks.0.q.lora_B.default.weight"),
    ],
)
def test_a_lora_in_each_usual_spelling_is_taken_with_its_rank(down: str, up: str) -> None:
    facts = read_adapter(lora({down: [4, 16], up: [16, 4]}))
    assert (facts.layers, facts.rank) == (1, 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no safetensors file"),
        (b"\x80\x04pickled by torch.save, which runs code", "no safetensors file"),
        (lora({DOWN: [4, 16], UP: [16, 4]}, cut=1), "send it again"),
        (lora({DOWN: [4, 16]}), "only one half"),
        (lora({DOWN: [4, 16], UP: [16, 5]}), "do not fit each other"),
        (lora({DOWN: [600, 2], UP: [2, 600]}), "rank 600"),
        (lora({DOWN: [4, 16], UP: [16, 4]}, dtype="I8"), "no matrix of floats"),
        (lora({"blocks.0.to_q.weight": [16, 16]}), "no part of a LoRA"),
        (lora({"alpha": [1]}), "no part of a LoRA"),
        (lora({"blocks.0.alpha": [1]}), "no LoRA layers"),
    ],
)
def test_what_is_no_lora_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        read_adapter(data)


@given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 255))
def test_no_bytes_raise_anything_but_a_refusal(noise: bytes, place: int, value: int) -> None:
    whole = bytearray(lora({DOWN: [1, 2], UP: [2, 1]}))
    whole[place] = value
    for data in (noise, bytes(whole)):
        with suppress(InvalidRequest):
            read_adapter(data)


def placed(*places: tuple[int, int]) -> bytes:
    """Matrices of 2 × 2 floats at these places of the file; as long as the last one says."""
    names = [f"blocks.{number // 2}.to_q.lora_{'AB'[number % 2]}.weight" for number in range(len(places))]
    header = {
        name: {"dtype": "F32", "shape": [2, 2], "data_offsets": list(place)}
        for name, place in zip(names, places, strict=True)
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(places[-1][1])


def test_a_file_is_refused_whose_tensors_overlap_or_leave_holes_as_the_format_forbids_both() -> None:
    assert read_adapter(placed((0, 16), (16, 32))).rank == 2
    for places, said in (
        (((0, 16), (8, 24)), "begins inside"),
        (((0, 16), (24, 40)), "leaves a hole"),
        (((16, 32), (32, 48)), "leaves a hole"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            read_adapter(placed(*places))


def test_a_header_is_refused_that_names_a_tensor_twice_or_has_more_than_a_lora_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = b'{"x":1,"x":2}'
    with pytest.raises(InvalidRequest, match="twice"):
        read_adapter(len(text).to_bytes(8, "little") + text)
    monkeypatch.setattr("farm.adapters.file_header.MOST_TENSORS", 1)
    with pytest.raises(InvalidRequest, match="at most 1"):
        read_adapter(placed((0, 16), (16, 32)))
    monkeypatch.setattr("farm.adapters.file_header.HEADER_BYTES", 20)
    with pytest.raises(InvalidRequest, match="no safetensors file"):
        read_adapter(placed((0, 16), (16, 32)))
