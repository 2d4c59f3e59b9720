"""What a model takes of a LoRA file: said from names and shapes alone, for every tensor, whatever the file holds."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.adapters.file_header import read_adapter
from farm.adapters.fit import Fit, Transformer
from farm.adapters.layouts import FileLayer, HeaderTensor, NoLora, read_layers
from farm.transformer_layers import layers_of
from tests.farm.adapters.test_file_header import lora

WAN = {
    "_class_name": "WanTransformer3DModel", "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 4,
    "out_channels": 4, "text_dim": 8, "freq_dim": 8, "ffn_dim": 24, "num_layers": 2,
}  # fmt: skip
VACE = WAN | {"_class_name": "WanVACETransformer3DModel", "num_layers": 4, "vace_layers": [0, 2]}
SANA = {
    "_class_name": "SanaTransformer2DModel", "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 4,
    "num_cross_attention_heads": 2, "cross_attention_head_dim": 8, "cross_attention_dim": 16, "caption_channels": 8,
    "num_layers": 2,
}  # fmt: skip


def transformer(config: dict[str, object]) -> Transformer:
    layers = layers_of(config)
    assert layers is not None
    return Transformer(layers)


def fit(config: dict[str, object], shapes: dict[str, list[int]]) -> Fit:
    return transformer(config).fit(read_adapter(lora(shapes, ones=True)).parts)


def halves(name: str, outputs: int = 16, inputs: int = 16, rank: int = 4) -> dict[str, list[int]]:
    return {f"{name}.lora_down.weight": [rank, inputs], f"{name}.lora_up.weight": [outputs, rank]}


def test_a_fused_layer_of_the_authors_changes_each_of_ours_by_its_rows() -> None:
    found = fit(SANA, halves("diffusion_model.blocks.1.attn.qkv", outputs=48))
    [placed] = found.placed
    assert placed.targets == tuple(f"transformer_blocks.1.attn1.to_{name}" for name in "qkv")
    assert not found.left_out


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("blocks.1.self_attn.q", "blocks.1.attn1.to_q"),
        ("blocks.3.self_attn.q", "blocks.3.attn1.to_q"),
        ("vace_blocks.1.self_attn.q", "vace_blocks.1.attn1.to_q"),
        ("vace_blocks.0.before_proj", "vace_blocks.0.proj_in"),
        ("vace_blocks.1.after_proj", "vace_blocks.1.proj_out"),
    ],
)
@pytest.mark.parametrize("spell", [str, lambda name: "lora_unet_" + name.replace(".", "_")], ids=["dots", "kohya"])
def test_of_vace_the_authors_blocks_are_told_from_those_that_read_the_control_clip(
    theirs: str, ours: str, spell: Callable[[str], str]
) -> None:
    [placed] = fit(VACE, halves(spell(theirs))).placed
    assert placed.targets == (ours,)


@pytest.mark.parametrize(
    ("config", "shapes", "tensor", "reason"),
    [
        (WAN, halves("blocks.0.self_attn.q", inputs=20), "q.lora_down", "weight of [16, 20]; the model's has [16, 16]"),
        (WAN, halves("blocks.0.self_attn.q", outputs=20), "q.lora_up", "weight of [20, 16]; the model's has [16, 16]"),
        (WAN, halves("blocks.2.self_attn.q"), "blocks.2", "no such layer"),
        (WAN, halves("blocks.0.cross_attn.k_img"), "k_img", "no such layer"),
        (SANA, halves("lora_te1_text_model_q_proj"), "lora_te1", "is for a text encoder"),
        (SANA, {"transformer.transformer_blocks.0.attn1.norm_q.diff": [16]}, "norm_q", "changes a norm"),
        (SANA, {"blocks.0.mlp.depth_conv.conv.lora_down.weight": [4, 1, 3, 3],
                "blocks.0.mlp.depth_conv.conv.lora_up.weight": [80, 4, 1, 1]}, "depth_conv", "each channel alone"),
        (WAN, {**halves("blocks.0.self_attn.q"), "blocks.0.self_attn.q.dora_scale": [1, 16]}, "dora_scale",
         "scales the inputs"),
        (WAN, {**halves("blocks.0.self_attn.q"), "blocks.0.self_attn.q.diff_b": [17]}, "diff_b", "17 outputs"),
        (WAN, {f"blocks.0.self_attn.q.hada_w1_{half}": [4, 4] for half in "ab"}, "hada", "LoHa"),
        (WAN, {"blocks.0.self_attn.q.lokr_w1": [2, 2], "blocks.0.self_attn.q.lokr_w2": [8, 7]}, "lokr",
         "for a weight of [16, 14]"),
        (WAN, {"blocks.0.self_attn.q.lokr_w1": [2, 2]}, "lokr", "lacks lokr_w2"),
        (SANA, {"blocks.0.attn.qkv.lokr_w1": [2, 2], "blocks.0.attn.qkv.lokr_w2": [24, 8]}, "lokr",
         "that the model has apart"),
    ],
)  # fmt: skip
def test_what_a_model_cannot_take_is_named_by_its_tensor_and_the_reason(
    config: dict[str, object], shapes: dict[str, list[int]], tensor: str, reason: str
) -> None:
    found = fit(config, shapes)
    [left_out] = found.left_out
    assert not found.placed
    assert tensor in left_out.tensor
    assert reason in left_out.reason


def test_a_change_that_is_all_zeros_counts_for_nothing() -> None:
    shapes = {**halves("blocks.0.self_attn.q"), "blocks.0.norm3.diff": [16], "blocks.0.self_attn.q.diff_b": [16]}
    found = transformer(WAN).fit(read_adapter(lora(shapes)).parts)
    assert (len(found.placed), list(found.left_out)) == (1, [])


def test_of_two_names_for_one_layer_the_second_is_left_out() -> None:
    found = fit(WAN, {**halves("blocks.0.self_attn.q"), **halves("lora_unet_blocks_0_attn1_to_q")})
    assert (len(found.placed), "a second time" in found.left_out[0].reason) == (1, True)


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"])
def test_floats_of_each_width_are_taken(dtype: str) -> None:
    assert read_adapter(lora(halves("blocks.0.self_attn.q"), dtype=dtype)).rank == 4


NAMES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "transformer.", "diffusion_model.", "base_model.model.", "lora_unet_", "lora_te_"]),
        st.sampled_from(["blocks.0.self_attn.q", "blocks_1_attn1_to_k", "head.head", "blocks.0.norm3", "x", ""]),
        st.sampled_from(
            [*(f".lora_{half}.weight" for half in ("A", "B", "down", "up", "mid")), ".lora_B.bias", ".alpha", ".weight"]
        )
        | st.sampled_from([".diff", ".diff_b", ".dora_scale", ".lora_magnitude_vector", ".hada_w1_a"])
        | st.sampled_from([".lokr_w1", ".lokr_w2_a", ".lokr_w2_b"]),
    ),
)
SHAPES = st.lists(st.sampled_from([1, 2, 4, 16, 600]), max_size=4).map(tuple)


@given(st.lists(st.builds(HeaderTensor, NAMES, st.sampled_from(["F32", "F16", "I64"]), SHAPES), max_size=8))
def test_whatever_a_header_holds_each_layer_is_taken_once_or_named(tensors: Sequence[HeaderTensor]) -> None:
    unique = {tensor.name: tensor for tensor in tensors}
    try:
        layers: list[FileLayer] = read_layers(unique.values(), lambda name: len(name) % 2 == 0)
    except NoLora:
        return
    found = transformer(WAN).fit(layers)
    assert found.layers == len(layers)
    targets = [target for placed in found.placed for target in placed.targets]
    assert len(targets) == len(set(targets))
    assert all(left.tensor in unique and left.reason for left in found.left_out)
