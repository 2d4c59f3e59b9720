"""Every layout of LoRA that people have changes each layer by weight * (alpha / rank) * up @ down, and nothing else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from farm.catalog.pool import PoolEntry
from farm.transformer_layers import layers_of
from tests.workers import tiny_pipelines
from tests.workers.lora_files import Change, apart, base_of, changes_of, spelt, write
from tests.workers.lora_layouts import LAYOUTS, blocks, flat, ours, with_alpha
from workers.denoising.lora_weights import DoesNotFit, load_weights
from workers.pipelines.load import load

QUICK = ("sana", "wan-i2v")  # of the two kinds of blocks; the others have the same or fewer
FAMILIES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in tiny_pipelines.SAMPLERS]
WEIGHT = 0.7
#: Of the terms whose sum is the effect: float32 has 6e-8 of each, and a sum may be far smaller than what it adds up.
EXACT = 1e-6


@pytest.fixture(scope="module")
def pipelines() -> Mapping[str, Any]:
    """One pipeline a family: adapters come and go."""

    class Built(dict[str, Any]):
        def __missing__(self, family: str) -> Any:
            self[family] = tiny_pipelines.build(family)
            return self[family]

    return Built()


@pytest.fixture(params=FAMILIES)
def pipeline(request: pytest.FixtureRequest, pipelines: Mapping[str, Any]) -> Iterator[Any]:
    found = pipelines[request.param]
    yield found
    for slot in list(getattr(found.transformer, "peft_config", {})):
        found.delete_adapters(slot)


def use(pipeline: Any, path: str, *, partly: bool = False) -> None:
    load_weights(pipeline, path, "mine", partly=partly)
    pipeline.set_adapters(["mine"], [WEIGHT])


def what_changes(transformer: nn.Module) -> Iterator[tuple[str, Any, Tensor, Tensor]]:
    """Each layer with an input, and what an adapter adds to its output."""
    dice = torch.Generator().manual_seed(9)
    for name in layers_of({**transformer.config, "_class_name": type(transformer).__name__}) or ():  # type: ignore[dict-item]
        module = transformer.get_submodule(name)
        base = base_of(module)
        inputs = base.weight.shape[1] * getattr(base, "groups", 1)
        given = torch.randn(2, inputs, *(4 for _ in base.weight.shape[2:]), generator=dice)
        with torch.no_grad():
            yield name, base, given, module(given) - base(given)


def hold(transformer: nn.Module, changes: list[Change], weight: float = WEIGHT) -> None:
    """Each layer changes as it should; a layer of which nothing is said not by a bit."""
    wanted = {change.ours[0]: change for change in apart(changes)}
    seen = set()
    for name, base, given, got in what_changes(transformer):
        if name not in wanted:
            assert not got.any(), name
            continue
        change = wanted[name]
        bias = None if change.bias is None else weight * change.bias
        hold_layer(name, base, given, got, weight * change.matrix.reshape(base.weight.shape), bias)
        seen.add(name)
    assert seen == wanted.keys()


def hold_layer(name: str, base: Any, given: Tensor, got: Tensor, weight: Tensor, bias: Tensor | None = None) -> None:
    """The layer adds what these weights, (outputs, inputs and the sides of a kernel), make of the input."""
    right, terms = (_applied(base, by(given.double()), by(weight.double())) for by in (torch.clone, torch.abs))
    if bias is not None:
        added = bias.double().reshape(1, -1, *(1 for _ in base.weight.shape[2:]))
        right, terms = right + added, terms + added.abs()
    assert (got - right).abs().max() <= EXACT * terms.max(), name


def _applied(base: Any, given: Tensor, weight: Tensor) -> Tensor:
    if isinstance(base, nn.Linear):
        return given @ weight.T
    convolve = nn.functional.conv3d if weight.dim() == 5 else nn.functional.conv2d
    return convolve(given, weight, stride=base.stride, padding=base.padding)


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_changes_each_layer_as_it_was_trained(tmp_path: Path, pipeline: Any, name: str) -> None:
    changes, tensors = LAYOUTS[name](pipeline.transformer)
    use(pipeline, write(tmp_path / "lora.safetensors", tensors))
    hold(pipeline.transformer, changes)


def test_the_scale_that_diffusers_keeps_beside_the_tensors_is_applied(tmp_path: Path, pipeline: Any) -> None:
    changes = apart(blocks(pipeline.transformer))
    first = changes[0].ours[0]
    told = {"r": 3, "lora_alpha": 6, "alpha_pattern": {f"^{first}": 1.5}, "use_rslora": False}
    metadata = {"lora_adapter_metadata": json.dumps({f"transformer.{name}": value for name, value in told.items()})}
    path = write(tmp_path / "lora.safetensors", spelt(changes, ours("transformer."), "lora_A", "lora_B"), metadata)
    use(pipeline, path)
    hold(pipeline.transformer, [replace(one, alpha=1.5 if one.ours[0] == first else 6.0) for one in changes])


def test_a_scale_for_a_whole_name_is_not_for_a_layer_whose_name_ends_so(
    tmp_path: Path, pipelines: Mapping[str, Any]
) -> None:
    pipeline, dice = pipelines["wan-vace"], torch.Generator().manual_seed(5)
    changes = []
    for name in ("vace_blocks.0.proj_out", "proj_out"):
        outputs, inputs = base_of(pipeline.transformer.get_submodule(name)).weight.shape
        down, up = (torch.randn(*shape, generator=dice) for shape in ((3, inputs), (outputs, 3)))
        changes.append(Change((name,), name, down, up))
    told = {"transformer.lora_alpha": 6, "transformer.alpha_pattern": {"^proj_out": 1.5}}
    metadata = {"lora_adapter_metadata": json.dumps(told)}
    use(
        pipeline,
        write(tmp_path / "lora.safetensors", spelt(changes, ours("transformer."), "lora_A", "lora_B"), metadata),
    )
    hold(pipeline.transformer, [replace(one, alpha=1.5 if one.ours == ("proj_out",) else 6.0) for one in changes])
    pipeline.delete_adapters("mine")


def test_a_bias_alone_and_a_whole_weight_are_changed_too(tmp_path: Path, pipeline: Any) -> None:
    [head] = [one for one in changes_of(pipeline.transformer) if one.theirs in ("head.head", "y_embedder.y_proj.fc1")]
    [other] = [one for one in changes_of(pipeline.transformer) if one.theirs in ("time_projection.1", "t_block.1")]
    bias = torch.linspace(-1, 1, len(other.up))
    tensors = {
        f"diffusion_model.{head.theirs}.diff": head.matrix.float(),
        f"diffusion_model.{other.theirs}.diff_b": bias,
    }
    use(pipeline, write(tmp_path / "lora.safetensors", tensors))
    hold(pipeline.transformer, [head, replace(other, down=torch.zeros_like(other.down), bias=bias)])


@pytest.mark.parametrize("end", ["lora_magnitude_vector", "dora_scale"])
def test_dora_in_peft_and_lycoris_layout_scales_each_output(tmp_path: Path, pipeline: Any, end: str) -> None:
    changes = with_alpha(apart(blocks(pipeline.transformer)))
    tensors = spelt(changes, ours("transformer."), "lora_A", "lora_B")
    magnitudes = {}
    for change in changes:
        magnitude = torch.rand(len(change.up), generator=torch.Generator().manual_seed(3)) + 0.5
        magnitudes[change.ours[0]] = magnitude
        tensors[f"transformer.{change.ours[0]}.{end}"] = magnitude[:, None] if end == "dora_scale" else magnitude
    load_weights(pipeline, write(tmp_path / "lora.safetensors", tensors), "mine", partly=False)
    pipeline.set_adapters(["mine"], [1.0])
    matrices = {change.ours[0]: change.matrix for change in changes}
    for name, base, given, got in what_changes(pipeline.transformer):
        if name in magnitudes:
            old = base.weight.double()
            merged = old + matrices[name].reshape(old.shape)
            norm = merged.flatten(1).norm(dim=1)
            sides = (-1, *(1 for _ in old.shape[1:]))
            new = merged * (magnitudes[name].double() / norm).reshape(sides)
            hold_layer(name, base, given, got, new - old)
        else:
            assert not got.any(), name


@pytest.mark.parametrize("low_rank", [False, True])
def test_lokr_changes_a_layer_by_a_kronecker_product(tmp_path: Path, pipeline: Any, low_rank: bool) -> None:
    dice = torch.Generator().manual_seed(4)
    names = [one.ours[0] for one in apart(blocks(pipeline.transformer)) if "attn1" in one.ours[0]]
    tensors, matrices = {}, {}
    for name in names:
        outputs, inputs = base_of(pipeline.transformer.get_submodule(name)).weight.shape
        first = torch.randn(2, 2, generator=dice)
        left, right = (torch.randn(side, generator=dice) for side in ((outputs // 2, 1), (1, inputs // 2)))
        if low_rank:
            tensors |= {f"lycoris_{flat(name)}.lokr_w2_a": left, f"lycoris_{flat(name)}.lokr_w2_b": right}
            tensors[f"lycoris_{flat(name)}.alpha"] = torch.tensor(0.5)
        else:
            tensors[f"lycoris_{flat(name)}.lokr_w2"] = left @ right
        tensors[f"lycoris_{flat(name)}.lokr_w1"] = first
        matrices[name] = torch.kron(first.double(), left.double() @ right.double()) * (0.5 if low_rank else 1)
    use(pipeline, write(tmp_path / "lora.safetensors", tensors))
    for name, base, given, got in what_changes(pipeline.transformer):
        if name in matrices:
            hold_layer(name, base, given, got, matrices[name] * WEIGHT)
        else:
            assert not got.any(), name


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"diffusion_model.blocks.0.norm3.diff": torch.ones(24)}, "changes a norm"),
        ({"blocks.0.modulation.diff_m": torch.ones(6, 24)}, "modulations"),
        (
            {
                "text_encoder.layers.0.q_proj.lora_A.weight": torch.ones(2, 8),
                "text_encoder.layers.0.q_proj.lora_B.weight": torch.ones(8, 2),
            },
            "text encoder",
        ),
        ({"nowhere.hada_w1_a": torch.ones(2, 2)}, "no such layer"),
    ],
)
def test_what_a_model_cannot_take_is_named_and_left_out_only_where_that_was_allowed(
    tmp_path: Path, pipeline: Any, extra: dict[str, Tensor], said: str
) -> None:
    changes = blocks(pipeline.transformer)
    tensors = spelt(changes, lambda change: f"diffusion_model.{change.theirs}", "lora_A", "lora_B")
    path = write(tmp_path / "lora.safetensors", tensors | extra)
    with pytest.raises(DoesNotFit, match=f"{len(changes)} of its {len(changes) + 1} layers .*{next(iter(extra))}.*"):
        use(pipeline, path)
    with pytest.raises(DoesNotFit, match=said):
        use(pipeline, path)
    assert not getattr(pipeline.transformer, "peft_config", {})
    use(pipeline, path, partly=True)
    hold(pipeline.transformer, changes)


@pytest.mark.long
@pytest.mark.parametrize("quantization", ["int8", "int8-dynamic", "fp8"])
def test_over_quantized_weights_a_layer_changes_as_far_as_bf16_goes(tmp_path: Path, quantization: str) -> None:
    pytest.importorskip("torchao")
    folder = tiny_pipelines.save("sana", tmp_path / "model")
    entry = tiny_pipelines.entry("sana", folder, dtype={"default": "bfloat16", "vae": "float32"})
    held = PoolEntry.model_validate({"name": "tiny", "model": "tiny", "quantization": {"transformer": quantization}})
    pipeline = load(entry, held, torch.device("cpu")).family.pipeline
    [change] = apart(changes_of(pipeline.transformer, keep=lambda name: name == "blocks.0.attn.proj"))
    use(pipeline, write(tmp_path / "lora.safetensors", spelt([change], ours(""), "lora_A", "lora_B")))
    module = pipeline.transformer.get_submodule(change.ours[0])
    given = torch.randn(4, 16, generator=torch.Generator().manual_seed(2)).bfloat16()
    with torch.no_grad():
        got = module(given).double() - base_of(module)(given).double()
    right = given.double() @ change.matrix.T * WEIGHT
    assert (got - right).abs().max() <= 0.02 * right.abs().max()
