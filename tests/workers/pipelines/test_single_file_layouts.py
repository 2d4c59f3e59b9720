"""Each family's transformer is read from the files that people have of it; what one has besides is refused by name."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import gguf
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.workers import tiny_pipelines
from tests.workers.families.test_families import latents_of
from tests.workers.orders import CPU, order
from tests.workers.own_names import own_names
from tests.workers.single_files import fp8_scaled, per_row, write_gguf, write_safetensors
from tests.workers.test_transformer_layers import SHIPPED
from workers.families.base import Family
from workers.pipelines.load import LoadingFailed, load
from workers.pipelines.scaled_weights import read_scaled
from workers.pipelines.weight_names import under_own_names

Folders = Callable[[str], Path]
Q = gguf.GGMLQuantizationType
NAME = "diffusion_pytorch_model.safetensors"
QUICK = ("wan-animate", "wan-flf2v", "sprint")
FAMILIES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in tiny_pipelines.SAMPLERS]
#: A layer that is quantized in each file here.
LAYER = "blocks.0.self_attn.q"


def beside(folder: Path, family: str, place: Path, write: Callable[[Path, dict[str, Tensor]], object]) -> Path:
    """A copy of a model's folder in which files are beside transformers without weights; each as `write` writes it."""
    copied = Path(shutil.copytree(folder, place))
    for part in parts_of(family):
        weights = copied / part / NAME
        write(copied / f"{part}.safetensors", load_file(weights))
        weights.unlink()
    return copied


def parts_of(family: str) -> list[str]:
    return ["transformer", "transformer_2"] if family in ("wan22", "wan22-i2v") else ["transformer"]


def loaded(family: str, folder: Path, ending: str = "safetensors", dtype: str = "bfloat16") -> Family:
    """The family with transformers of such files; the VAE of clips in float32."""
    dtypes = {"default": dtype} | ({"vae": "float32"} if family in tiny_pipelines.CLIPS else {})
    source = {"path": str(folder), "single_file": {part: f"{part}.{ending}" for part in parts_of(family)}}
    return load(tiny_pipelines.entry(family, folder, source=source, dtype=dtypes), None, CPU).family


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_under_the_authors_own_names_renders_what_the_folder_does_to_the_bit(
    family: str, tiny_folder: Folders, tmp_path: Path
) -> None:
    folder = beside(
        tiny_folder(family), family, tmp_path / "model", lambda path, found: write_safetensors(path, own_names(found))
    )
    mine = loaded(family, folder)
    dtypes = {"default": "bfloat16"} | ({"vae": "float32"} if family in tiny_pipelines.CLIPS else {})
    whole = load(tiny_pipelines.entry(family, tiny_folder(family), dtype=dtypes), None, CPU).family
    one, two = (latents_of(each, tmp_path, order(each))["r1"] for each in (mine, whole))
    assert torch.equal(one, two)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.parent.name + "-" + path.stem)
def test_each_weight_of_each_published_model_has_its_name_and_no_other_is_left(path: Path) -> None:
    config = json.loads(path.read_text())
    with torch.device("meta"):
        model = getattr(diffusers, config["_class_name"]).from_config(config)
    for name in dict(model.named_buffers()):
        if name.endswith(".blur_kernel"):
            line = torch.tensor([1.0, 3.0, 3.0, 1.0])
            model.get_submodule(name.rpartition(".")[0]).blur_kernel = line * line[:, None] / 64
    found = under_own_names(own_names(model.state_dict()), model, config, path)
    assert {name: weight.shape for name, weight in found.items()} == {
        name: weight.shape for name, weight in model.state_dict().items()
    }


#: What makes rows of a tiny model's matrices divide into blocks of 32 numbers.
WIDE = {
    "attention_head_dim": 16,
    "cross_attention_head_dim": 16,
    "cross_attention_dim": 32,
    "ffn_dim": 64,
    "added_kv_proj_dim": 32,
    "motion_style_dim": 32,
    "motion_encoder_dim": 32,
    "face_encoder_hidden_dim": 32,
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """From a family's name to a folder with its tiny model, as wide as that."""
    root = tmp_path_factory.mktemp("wide")
    return cache(lambda family: save_wide(family, root / family))


def save_wide(family: str, folder: Path) -> Path:
    pipeline = tiny_pipelines.build(family)
    for name in (*parts_of(family), "controlnet"):
        part = getattr(pipeline, name, None)
        if part is not None:
            config = dict(part.config)
            torch.manual_seed(0)
            made = type(part).from_config(config | {key: WIDE[key] for key in WIDE if config.get(key) is not None})
            for weights in made.parameters():
                if not weights.any():  # those that begin at zero
                    torch.nn.init.normal_(weights, std=0.1)
            pipeline.register_modules(**{name: made.eval()})
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


GGUF_QUICK = ("wan-animate", "wan-flf2v")
GGUF_FAMILIES = [
    pytest.param(name, kind, marks=[] if name in GGUF_QUICK and kind == Q.Q8_0 else pytest.mark.long)
    for name in tiny_pipelines.SAMPLERS
    for kind in (Q.Q8_0, Q.Q4_0)
    if not name.startswith("sana-video")
]


@pytest.mark.parametrize(("family", "kind"), GGUF_FAMILIES)
def test_from_gguf_a_family_renders_by_the_numbers_that_the_file_holds(
    family: str, kind: gguf.GGMLQuantizationType, wide: Folders, tmp_path: Path
) -> None:
    # Given a file in which all matrices are quantized, and another with the same numbers as they are,
    def write(path: Path, found: dict[str, Tensor]) -> None:
        write_safetensors(path, write_gguf(path.with_suffix(".gguf"), own_names(found), kind))

    folder = beside(wide(family), family, tmp_path / "model", write)
    # when both are loaded,
    mine, whole = (loaded(family, folder, ending, "float32") for ending in ("gguf", "safetensors"))
    # then the one stays quantized where linear layers compute with it, and there alone,
    quantized = {name for name, weight in mine.pipeline.transformer.named_parameters() if weight.dtype == torch.uint8}
    assert any(".attn1." in name for name in quantized)
    assert not any(name.startswith("motion_encoder.") for name in quantized)
    assert any(name.startswith("face_adapter.0.to_v") for name in quantized) == (family == "wan-animate")
    # and both render the same, but for what diffusers rounds: it computes the numbers of a block in float16.
    one, two = (latents_of(each, tmp_path, order(each))["r1"] for each in (mine, whole))
    assert (one - two).abs().max() <= 2**-7 * two.abs().max()


def test_of_a_family_whose_gguf_the_library_does_not_read_that_is_said(wide: Folders, tmp_path: Path) -> None:
    def write(path: Path, found: dict[str, Tensor]) -> None:
        write_gguf(path.with_suffix(".gguf"), own_names(found), Q.Q8_0)

    folder = beside(wide("sana-video"), "sana-video", tmp_path / "model", write)
    with pytest.raises(LoadingFailed, match="reads no GGUF of a SanaVideoTransformer3DModel; take safetensors"):
        loaded("sana-video", folder, "gguf")


@pytest.fixture(scope="module")
def wan_tensors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """The weights of a tiny Wan under the authors' own names."""
    folder = tiny_pipelines.save("wan", tmp_path_factory.mktemp("wan"))
    return own_names(load_file(folder / "transformer" / NAME))


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8], ids=str)
def test_eight_bits_with_a_scale_for_each_row_are_numbers_again(
    dtype: torch.dtype, wan_tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    write_safetensors(tmp_path / "wan.safetensors", per_row(wan_tensors, dtype))
    found = read_scaled(tmp_path / "wan.safetensors", torch.float32)
    assert found.keys() == wan_tensors.keys()
    for name, tensor in wan_tensors.items():
        assert (found[name] - tensor).abs().max() <= tensor.abs().max() / 14, name
    assert not torch.equal(found[f"{LAYER}.weight"], wan_tensors[f"{LAYER}.weight"])


@pytest.mark.parametrize(
    "marks",
    [{"format": "float8_e4m3fn"}, {"format": "float8_e4m3fn", "full_precision_matrix_mult": True}],
    ids=["plain", "whole"],
)
@pytest.mark.parametrize("where", ["tensors", "header"])
def test_what_comfyui_says_of_a_layer_is_read_beside_it_and_in_the_header(
    marks: dict[str, Any], where: str, wan_tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    tensors, told = marked(fp8_scaled(wan_tensors, ".weight_scale"), marks, where)
    tensors[f"{LAYER}.input_scale"] = torch.ones(())
    write_safetensors(tmp_path / "wan.safetensors", tensors, metadata=told)
    assert read_scaled(tmp_path / "wan.safetensors", torch.bfloat16).keys() == wan_tensors.keys()


def marked(tensors: dict[str, Tensor], marks: object, where: str) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    """What is said of the first layer, in the one place or the other."""
    if where == "header":
        return tensors, {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": {LAYER: marks}})}
    return tensors | {f"{LAYER}.comfy_quant": torch.tensor(list(json.dumps(marks).encode()), dtype=torch.uint8)}, None


@pytest.mark.parametrize("where", ["tensors", "header"])
@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"format": "nvfp4"}, "is quantized as nvfp4, which is not read"),
        ({"format": "mxfp8"}, "is quantized as mxfp8"),
        ({"format": "int8_blockwise", "group_size": 128}, "is quantized as int8_blockwise"),
        ({"format": "int8_tensorwise", "convrot": True}, "is quantized as int8_tensorwise with rotated rows"),
        ({"format": "new"}, "is quantized as new"),
        ({}, "is quantized as None"),
        (7, "says in no known way how it is quantized"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_way_to_quantize_that_is_not_read_is_refused_by_its_name(
    marks: object, said: str, where: str, wan_tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    tensors, told = marked(fp8_scaled(wan_tensors, ".weight_scale"), marks, where)
    write_safetensors(tmp_path / "wan.safetensors", tensors, metadata=told)
    with pytest.raises(ValueError, match=f"{said}.*GGUF"):
        read_scaled(tmp_path / "wan.safetensors", torch.bfloat16)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.update({f"{LAYER}.weight": found[f"{LAYER}.weight"].to(torch.uint8)}), "is uint8 beside"),
        (lambda found: found.update({f"{LAYER}.weight_scale": torch.ones(4, 3)}), "scales of blocks are not read"),
        (lambda found: found.update({f"{LAYER}.weight_scale": torch.ones(24, 1).byte()}), "beside a scale in uint8"),
        (lambda found: found.pop(f"{LAYER}.weight"), rf"has a scale of {LAYER}\.weight and no such weight"),
        (lambda found: found.update({"blocks.0.ffn.0.bias": torch.ones(32, dtype=torch.int8)}), "int8 without a scale"),
    ],
)
def test_scales_that_do_not_fit_are_refused_in_words(
    change: Callable[[dict[str, Tensor]], object], said: str, wan_tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    tensors = fp8_scaled(wan_tensors, ".weight_scale")
    change(tensors)
    write_safetensors(tmp_path / "wan.safetensors", tensors)
    with pytest.raises(ValueError, match=f"{said}.*GGUF"):
        read_scaled(tmp_path / "wan.safetensors", torch.bfloat16)


KERNEL = "motion_encoder.enc.net_app.convs.1.conv2.0.kernel"


@pytest.mark.parametrize(
    ("family", "change", "said"),
    [
        ("wan", {f"{LAYER}.weight_scale_2": torch.ones(())}, r"has 1 that are not in it, as blocks\.0\.attn1\.to_q"),
        ("wan", {f"{LAYER}.pre_quant_scale": torch.ones(24)}, r"has 1 that are not in it, as blocks\.0\.attn1\.to_q"),
        ("wan-animate", {KERNEL: torch.full((4, 4), 1 / 16)}, f"{KERNEL} is not the kernel that diffusers blurs with"),
        ("wan-animate", {KERNEL: torch.full((9,), 1 / 9)}, f"{KERNEL} is not the kernel that diffusers blurs with"),
        ("wan-flf2v", {"img_emb.emb_pos": None}, r"lacks 1 weights, as condition_embedder.image_embedder.pos_embed"),
        ("sprint", {"cfg_embedder.mlp.0.bias": None}, "lacks 1 weights, as time_embed.guidance_embedder.linear_1.bias"),
        ("sana", {"blocks.0.attn.gate.weight": torch.ones(1)}, r"has 1 that are not in it, as blocks\.0\.attn\.gate"),
    ],
)
def test_a_name_that_is_not_known_or_lacks_is_said(
    family: str, change: dict[str, Tensor | None], said: str, tiny_folder: Folders, tmp_path: Path
) -> None:
    def write(path: Path, found: dict[str, Tensor]) -> None:
        named: dict[str, Tensor | None] = {**own_names(found), **change}
        write_safetensors(path, {name: tensor for name, tensor in named.items() if tensor is not None})

    folder = beside(tiny_folder(family), family, tmp_path / "model", write)
    with pytest.raises(LoadingFailed, match=said):
        loaded(family, folder)


def test_a_file_of_diffusers_names_that_lacks_one_says_which_by_that_name(tiny_folder: Folders, tmp_path: Path) -> None:
    def write(path: Path, found: dict[str, Tensor]) -> None:
        found.pop("blocks.1.norm2.weight")
        write_safetensors(path, found)

    folder = beside(tiny_folder("wan"), "wan", tmp_path / "model", write)
    with pytest.raises(LoadingFailed, match=r"it lacks 1 weights, as blocks\.1\.norm2\.weight$"):
        loaded("wan", folder)


def test_what_the_class_of_the_library_names_as_unused_may_be_there(tiny_folder: Folders, tmp_path: Path) -> None:
    def write(path: Path, found: dict[str, Tensor]) -> None:
        write_safetensors(path, found | {"blocks.0.attn2.norm_added_q.weight": torch.ones(24)})

    loaded("wan-i2v", beside(tiny_folder("wan-i2v"), "wan-i2v", tmp_path / "model", write))
