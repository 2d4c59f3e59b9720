"""A transformer from one file renders what the same weights in a folder do, and what does not fit is not loaded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file
from torch import Tensor

from farm.catalog import ModelEntry, load_catalog
from farm.errors import CatalogError
from farm.settings import Settings
from tests.workers import tiny_pipelines
from tests.workers.families.test_families import latents_of
from tests.workers.orders import CPU, aligned, order
from tests.workers.own_names import under_own_names
from tests.workers.single_files import fp8_scaled, write_gguf, write_mixed_gguf, write_safetensors
from workers.families.base import Family
from workers.memory_planning.requirements import needs_of
from workers.model_files.cached import look
from workers.model_files.download import fetch
from workers.model_files.lock import lock_of
from workers.pipelines.load import LoadingFailed, load

Folders = Callable[[str], Path]
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
BF16 = {"default": "bfloat16", "vae": "float32"}
Q = gguf.GGMLQuantizationType


@pytest.fixture
def folder(tiny_folder: Folders, tmp_path: Path) -> Path:
    """A tiny Wan of which the transformer's folder has nothing but its config.json."""
    place = Path(shutil.copytree(tiny_folder("wan"), tmp_path / "model"))
    (place / WEIGHTS).unlink()
    return place


@pytest.fixture
def tensors(tiny_folder: Folders) -> dict[str, Tensor]:
    return load_file(tiny_folder("wan") / WEIGHTS)


def test_each_of_two_experts_may_come_as_a_file_of_its_own(tiny_folder: Folders, tmp_path: Path) -> None:
    # Given the two files that people have of a model of two experts, and folders without weights,
    folder = Path(shutil.copytree(tiny_folder("wan22"), tmp_path / "model"))
    files = {"transformer": "high.safetensors", "transformer_2": "low.safetensors"}
    for part, file in files.items():
        weights = folder / part / "diffusion_pytorch_model.safetensors"
        write_safetensors(folder / file, under_own_names(load_file(weights)), "diffusion_model.")
        weights.unlink()
    # when they are loaded, then the renders are those of the folders, to the bit.
    source = {"path": str(folder), "single_file": files}
    loaded = load(tiny_pipelines.entry("wan22", folder, source=source), None, CPU)
    whole = load(tiny_pipelines.entry("wan22", tiny_folder("wan22")), None, CPU).family
    assert torch.equal(latents(loaded.family, tmp_path), latents(whole, tmp_path))
    assert set(files.values()) < set(loaded.facts.weight_sha256)


def entry_of(folder: Path, file: str, **changes: Any) -> ModelEntry:
    source = {"path": str(folder), "single_file": {"transformer": file}}
    return tiny_pipelines.entry("wan", folder, source=source, dtype=BF16, **changes)


def latents(family: Family, spool: Path) -> Tensor:
    """Of one render."""
    return latents_of(aligned(family), spool, order(family))["r1"]


@pytest.mark.parametrize(
    ("naming", "prefix"), [("own", ""), ("own", "diffusion_model."), ("diffusers", "model.diffusion_model.")]
)
def test_one_file_is_the_model_of_the_folder_to_the_bit(
    naming: str, prefix: str, folder: Path, tensors: dict[str, Tensor], tiny_folder: Folders, tmp_path: Path
) -> None:
    named = under_own_names(tensors) if naming == "own" else tensors
    write_safetensors(folder / "wan.safetensors", named, prefix)
    loaded = load(entry_of(folder, "wan.safetensors"), None, CPU)
    whole = load(tiny_pipelines.entry("wan", tiny_folder("wan"), dtype=BF16), None, CPU).family
    mine = dict(loaded.family.pipeline.transformer.named_parameters())
    for name, weight in whole.pipeline.transformer.named_parameters():
        assert mine[name].dtype == weight.dtype
        assert torch.equal(mine[name], weight)
    assert torch.equal(latents(loaded.family, tmp_path), latents(whole, tmp_path))
    # The manifest has the hash of the file, and of nothing in the transformer's folder.
    assert "wan.safetensors" in loaded.facts.weight_sha256
    assert not any(path.startswith("transformer/") for path in loaded.facts.weight_sha256)


@pytest.mark.parametrize("scale_name", [".scale_weight", ".weight_scale"])
def test_fp8_scaled_weights_are_multiplied_by_their_scales(
    scale_name: str, folder: Path, tensors: dict[str, Tensor]
) -> None:
    write_safetensors(folder / "wan-fp8.safetensors", fp8_scaled(under_own_names(tensors), scale_name))
    transformer = load(entry_of(folder, "wan-fp8.safetensors"), None, CPU).family.pipeline.transformer
    for name, weight in transformer.named_parameters():
        assert (weight.float() - tensors[name].float()).abs().max() <= tensors[name].abs().max() / 14, name


def test_a_layer_of_zeros_that_its_quantizer_made_nan_is_zeros_and_other_nan_is_refused(
    folder: Path, tensors: dict[str, Tensor]
) -> None:
    # As comfy-kitchen 0.2.40 makes it: findings/fp8-of-zeros-and-small-halves.sh.
    zeros = "blocks.0.attn1.to_q.weight"
    scaled = fp8_scaled(under_own_names(tensors | {zeros: torch.zeros_like(tensors[zeros])}))
    assert scaled["blocks.0.self_attn.q.scale_weight"] == 0
    assert scaled["blocks.0.self_attn.q.weight"].isnan().all()
    write_safetensors(folder / "wan-fp8.safetensors", scaled)
    transformer = load(entry_of(folder, "wan-fp8.safetensors"), None, CPU).family.pipeline.transformer
    assert not any(weight.isnan().any() for weight in transformer.parameters())
    assert not transformer.get_parameter(zeros).any()
    scaled["blocks.0.self_attn.q.scale_weight"] += 1e-7
    write_safetensors(folder / "wan-fp8.safetensors", scaled)
    with pytest.raises(LoadingFailed, match=r"blocks\.0\.self_attn\.q\.weight holds NaN; quantize the model anew"):
        load(entry_of(folder, "wan-fp8.safetensors"), None, CPU)


@pytest.mark.parametrize("kind", [Q.Q8_0, Q.Q4_0], ids=lambda kind: kind.name)
def test_a_gguf_file_stays_quantized_and_has_its_flat_convolution_back(
    kind: gguf.GGMLQuantizationType, folder: Path, tensors: dict[str, Tensor], tiny_folder: Folders, tmp_path: Path
) -> None:
    write_gguf(folder / "wan.gguf", under_own_names(tensors), kind)
    entry = entry_of(folder, "wan.gguf")
    family = load(entry, None, CPU).family
    transformer = family.pipeline.transformer
    assert torch.uint8 in {weight.dtype for weight in transformer.parameters()}
    assert transformer.patch_embedding.weight.shape == tensors["patch_embedding.weight"].shape
    assert transformer.scale_shift_table.dtype == torch.float32
    whole = load(tiny_pipelines.entry("wan", tiny_folder("wan"), dtype=BF16), None, CPU).family
    mine, theirs = latents(family, tmp_path), latents(whole, tmp_path)
    assert 0 < (mine - theirs).abs().max() < theirs.abs().max() / 4
    # The plan counts what the file holds, and offers no other quantization of it.
    needs = needs_of(entry, (32, 32, 5))
    assert needs.parts["transformer"].size == (folder / "wan.gguf").stat().st_size
    assert needs.quantized == {}


@pytest.fixture
def wide(tiny_folder: Folders, tmp_path: Path) -> tuple[Path, dict[str, Tensor]]:
    """A tiny Wan whose matrices are wide enough for the blocks of K-quants, 256 numbers each; and its weights."""
    torch.manual_seed(0)
    place = Path(shutil.copytree(tiny_folder("wan"), tmp_path / "wide"))
    kept = json.loads((place / "transformer" / "config.json").read_text())
    sizes = {"num_attention_heads": 2, "attention_head_dim": 128, "ffn_dim": 512, "num_layers": 1}
    transformer = WanTransformer3DModel.from_config(kept | sizes)
    shutil.rmtree(place / "transformer")
    transformer.save_pretrained(place / "transformer")
    (place / WEIGHTS).unlink()
    return place, {name: tensor.detach() for name, tensor in transformer.state_dict().items()}


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (Q.Q4_K, Q.F16),
        (Q.Q4_K, Q.BF16),
        *((kind, Q.F32) for kind in (Q.Q2_K, Q.Q3_K, Q.Q5_K, Q.Q6_K, Q.IQ4_NL, Q.IQ4_XS)),
    ],
    ids=lambda kind: kind.name,
)
def test_k_quants_as_people_download_them_render_what_the_numbers_in_them_do(
    kind: gguf.GGMLQuantizationType,
    plain: gguf.GGMLQuantizationType,
    wide: tuple[Path, dict[str, Tensor]],
    tmp_path: Path,
) -> None:
    # Given a file of that kind, and the numbers in it as the package of the format reads them,
    folder, tensors = wide
    held = write_mixed_gguf(folder / "wan.gguf", under_own_names(tensors), kind, plain)
    dtype = {"default": "float32"}
    source = {"path": str(folder), "single_file": {"transformer": "wan.gguf"}}
    family = load(tiny_pipelines.entry("wan", folder, source=source, dtype=dtype), None, CPU).family
    assert torch.uint8 in {weight.dtype for weight in family.pipeline.transformer.parameters()}
    # when the same numbers are loaded as they are,
    write_safetensors(folder / "wan.safetensors", held)
    source["single_file"] = {"transformer": "wan.safetensors"}
    whole = load(tiny_pipelines.entry("wan", folder, source=source, dtype=dtype), None, CPU).family
    # then both render the same, but for what diffusers rounds: it computes the numbers of a block in float16.
    mine, theirs = latents(family, tmp_path), latents(whole, tmp_path)
    assert (mine - theirs).abs().max() <= 2**-10 * theirs.abs().max()


def test_the_file_is_held_to_size_hash_and_lock_like_any_other(
    folder: Path, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    place = folder / "files" / "wan.safetensors"
    place.parent.mkdir()
    write_safetensors(place, under_own_names(tensors))
    entry, settings = entry_of(folder, "files/wan.safetensors"), Settings(data_dir=tmp_path)
    assert look(entry, settings).state == "here"
    locked = ModelEntry.model_validate(entry.model_dump() | lock_of(entry, settings))
    assert "files/wan.safetensors" in [file.path for file in locked.lock]
    load(locked, None, CPU)
    changed = bytearray(place.read_bytes())
    changed[-1] ^= 1
    place.write_bytes(changed)
    with pytest.raises(LoadingFailed, match=r"files/wan\.safetensors is changed: its hash is"):
        load(locked, None, CPU)
    place.write_bytes(changed[:-9])
    with pytest.raises(LoadingFailed, match="where its header promises"):
        load(entry, None, CPU)
    assert look(entry, settings).state == "damaged"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: tensors.pop("blocks.0.ffn.0.weight"), r"lacks 1 weights, as blocks\.0\.ffn\.net\.0\.proj"),
        (lambda tensors: tensors.update({"blocks.0.extra": torch.ones(1)}), r"has 1 that are not in it, as blocks\.0"),
        (lambda tensors: tensors.update({"head.head.bias": torch.ones(3)}), r"proj_out\.bias is \(3,\) and should be"),
    ],
)
def test_a_file_of_another_model_is_refused_with_what_does_not_fit(
    change: Callable[[dict[str, Tensor]], object], told: str, folder: Path, tensors: dict[str, Tensor]
) -> None:
    named = under_own_names(tensors)
    change(named)
    write_safetensors(folder / "wan.safetensors", named)
    with pytest.raises(LoadingFailed, match=told):
        load(entry_of(folder, "wan.safetensors"), None, CPU)


def test_what_is_no_such_file_is_said(folder: Path, tensors: dict[str, Tensor]) -> None:
    with pytest.raises(LoadingFailed, match=r"wan\.gguf is missing, and 'source.single_file' in the catalog names it"):
        load(entry_of(folder, "wan.gguf"), None, CPU)
    write_gguf(folder / "wan.gguf", under_own_names(tensors), Q.Q8_0)
    (folder / "wan.gguf").write_bytes((folder / "wan.gguf").read_bytes()[:-50_000])
    with pytest.raises(LoadingFailed, match="fetch it again"):
        load(entry_of(folder, "wan.gguf"), None, CPU)
    for path in ("../wan.gguf", "/wan.gguf", "wan.ckpt", "a/../b.gguf"):
        with pytest.raises(ValueError, match="single_file"):
            entry_of(folder, path)


def test_pools_that_cannot_have_it_are_told_so(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    model = {"extends": "wan-demo", "source": {"path": str(folder), "single_file": {"transformer": "wan.gguf"}}}
    pools = {
        "a": {"model": "wan-file", "offload": "blocks"},
        "c": {"model": "wan-file", "compile": True},
        "b": {"model": "wan-file", "sharding": {"by": "layers", "devices": 2}},
    }
    path.write_text(json.dumps({"models": {"wan-file": model}, "pools": pools}))
    with pytest.raises(CatalogError) as refused:
        load_catalog(Settings(catalog=[path]))
    said = str(refused.value)
    for key in ("pools.a.offload", "pools.c.compile", "pools.b.sharding"):
        assert f"{key}: 'wan-file' reads its transformer from one file" in said


def test_only_the_file_is_fetched_not_the_weights_beside_it(tiny_folder: Folders, tmp_path: Path) -> None:
    place = Path(shutil.copytree(tiny_folder("wan"), tmp_path / "model"))
    (place / "wan.gguf").write_bytes(b"")
    fetched = fetch(entry_of(place, "wan.gguf"))
    assert "wan.gguf" in fetched.weights
    assert WEIGHTS not in fetched.weights
