"""`farm plan`: its figures are those of the real thing, and its sums add up."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from accelerate import init_empty_weights
from accelerate.utils import calculate_maximum_sizes
from diffusers import SanaTransformer2DModel, WanTransformer3DModel
from typer.testing import CliRunner

from farm.catalog import Catalog, load_catalog
from farm.cli import build_app
from farm.errors import InvalidRequest
from farm.params.sizes import Shape
from farm.settings import Settings
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU
from workers.memory_planning.activation_memory import measure
from workers.memory_planning.fitting import RESERVE, arrangements
from workers.memory_planning.gpus import parse_gpus
from workers.memory_planning.live_memory import LiveMemory, peak_bytes
from workers.memory_planning.model_parts import Part, build_parts
from workers.memory_planning.requirements import Needs, needs_of
from workers.memory_planning.weights import weigh
from workers.pipelines.load import load

Folders = Callable[[str], Path]
GB = 10**9


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(Settings(), {})


@pytest.fixture(scope="module")
def parts_once(catalog: Catalog) -> Callable[[str], dict[str, Part]]:
    """`build_parts` by a model's name; each model is built once."""
    return cache(lambda model: build_parts(catalog.model(model)))


@pytest.fixture(scope="module")
def needs_once(catalog: Catalog) -> Callable[..., Needs]:
    """`needs_of` by a model's name; each question is worked out once, since a step of a large model takes seconds."""
    return cache(lambda model, *question: needs_of(catalog.model(model), *question))


@pytest.mark.parametrize(
    ("model", "build"),
    [
        (
            "wan21-t2v-14b",
            lambda: WanTransformer3DModel(num_attention_heads=40, attention_head_dim=128, ffn_dim=13824, num_layers=40),
        ),
        ("sana-1600m-1024px", SanaTransformer2DModel),  # its defaults are the 1.6B
    ],
)
def test_the_transformer_weighs_what_accelerate_says(
    parts_once: Callable[[str], dict[str, Part]], model: str, build: Callable[[], torch.nn.Module]
) -> None:
    part = parts_once(model)["transformer"]
    with init_empty_weights():
        size, _ = calculate_maximum_sizes(build().to(torch.bfloat16))
    assert weigh(part.module).size == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize("name", ["text_encoder", "vae"])
@pytest.mark.parametrize("model", ["wan21-t2v-14b", "sana-1600m-1024px"])
def test_the_other_parts_weigh_what_accelerate_says(
    parts_once: Callable[[str], dict[str, Part]], model: str, name: str
) -> None:
    module = parts_once(model)[name].module
    size, _ = calculate_maximum_sizes(module)
    assert weigh(module).size == pytest.approx(size, rel=0.05)


def test_the_parameters_are_those_that_were_published(parts_once: Callable[[str], dict[str, Part]]) -> None:
    published = {
        ("wan21-t2v-14b", "transformer"): 14.3,
        ("wan21-t2v-1300m", "transformer"): 1.42,
        ("wan21-t2v-14b", "text_encoder"): 5.68,
        ("sana-600m-1024px", "transformer"): 0.59,
        ("sana-1600m-1024px", "transformer"): 1.6,
        ("sana15-4800m-1024px", "transformer"): 4.72,
        ("sana-1600m-1024px", "text_encoder"): 2.61,
        ("wan21-i2v-14b-720p", "transformer"): 16.4,
        ("wan21-i2v-14b-720p", "image_encoder"): 0.632,  # CLIP ViT-H/14
        ("sana-video-2b-480p", "transformer"): 2.06,
        ("sana-video-2b-720p", "transformer"): 2.06,
        ("wan22-t2v-a14b", "transformer"): 14.3,
        ("wan22-t2v-a14b", "transformer_2"): 14.3,
        ("wan22-i2v-a14b", "transformer_2"): 14.3,
        ("wan22-ti2v-5b", "transformer"): 5.0,
    }
    for (model, name), billions in published.items():
        found = weigh(parts_once(model)[name].module).parameters / GB
        assert found == pytest.approx(billions, rel=0.01), (model, name)


@pytest.mark.long  # the largest models
@pytest.mark.parametrize("model", [name for name in load_catalog(Settings(), {}).models if "demo" not in name])
def test_every_shipped_model_is_known_to_the_plan_part_by_part(catalog: Catalog, model: str) -> None:
    entry = catalog.model(model)
    parts = {name: weigh(part.module).size for name, part in build_parts(entry).items()}
    assert parts.keys() >= entry.architecture.keys()
    assert sum(parts.values()) < entry.memory_gb * GB, "what the catalog says has room for the weights"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", sorted(tiny_pipelines.STEPS))
def test_a_planned_model_weighs_what_the_loaded_one_does(tiny_folder: Folders, family: str, dtype: str) -> None:
    entry = tiny_pipelines.entry(family, tiny_folder(family), dtype={"default": dtype, "vae": "float32"})
    pipeline = load(entry, None, CPU).family.pipeline
    for name, part in build_parts(entry).items():
        planned, loaded = weigh(part.module), weigh(getattr(pipeline, name))
        assert planned.dtypes == loaded.dtypes, name
        assert planned.size == pytest.approx(loaded.size, rel=0.001)  # some buffers of transformers follow the dtype


@pytest.mark.parametrize("family", ["sana", "sprint", "wan"])
def test_a_decoding_without_data_peaks_where_the_real_one_does(tiny_folder: Folders, family: str) -> None:
    # Given a tiny model, and a clip or a picture of it,
    entry = tiny_pipelines.entry(family, tiny_folder(family))
    frames = 5 if family == "wan" else 1
    parts = build_parts(entry)
    # when the real VAE decodes real numbers of the shape that was planned,
    vae = tiny_pipelines.build(family).vae
    sides = (16, 2, 8, 8) if family == "wan" else (4, 16, 16)
    given = torch.randn(1, *sides)
    with torch.no_grad(), LiveMemory([given]) as real:
        vae.decode(given)
    # then the tensors that live at the same time take as many bytes.
    planned = measure(parts, entry, Shape(64, 64, frames), 1)
    assert planned is not None
    assert planned.decode == real.peak


def test_what_is_forgotten_is_free_again_and_views_share() -> None:
    def compute() -> torch.Tensor:
        first = torch.empty(1000, device="meta")
        second = first.view(10, 100).t() + 1
        del first
        return second * 2

    assert peak_bytes(compute) == 2 * 4000


def test_more_renders_need_more_for_a_step(needs_once: Callable[..., Needs]) -> None:
    one, two = (needs_once("sana-1600m-1024px", (1024, 1024, 1), renders).activity for renders in (1, 2))
    assert two.step == pytest.approx(one.step + one.one_more, rel=0.05)


@pytest.mark.long  # 81 frames
def test_wan_14b_fits_on_one_large_gpu_and_needs_help_on_small_ones(needs_once: Callable[..., Needs]) -> None:
    needs = needs_once("wan21-t2v-14b", (832, 480, 81))
    # Published: 14B in bf16 does not go on 24 GB as it is; with the transformer in host memory it does.
    small = arrangements(needs, parse_gpus("24GB"))
    assert not small[0].fits
    assert any(way.fits and way.pool.get("offload") == "blocks" for way in small)
    large = arrangements(needs, parse_gpus("80GB"))
    assert large[0].fits
    assert large[0].pool == {}
    # and on four, weights and sequence are split.
    four = arrangements(needs, parse_gpus("4x24GB"))
    assert next(way for way in four if way.fits).pool["sharding"] == {"by": "weights+sequence", "devices": 4}


def test_both_experts_are_counted_wherever_they_lie_and_one_of_them_works(needs_once: Callable[..., Needs]) -> None:
    one, two = (needs_once(model, (832, 480, 5)) for model in ("wan21-t2v-14b", "wan22-t2v-a14b"))
    assert two.activity.step == one.activity.step
    ways = [{way.name.split(",")[0]: way for way in arrangements(needs, [80 * GB] * 2)} for needs in (one, two)]
    for name in ("on one GPU", "weights over 2 GPUs", "layers over 2 GPUs", "int8 weights"):
        first, both = (way[name].terms[0].size for way in ways)
        assert both == pytest.approx(2 * first, rel=0.001), name
    assert ways[1]["transformer in host memory"].host == two.parts["transformer"].size * 2


@pytest.mark.long  # the largest models
def test_a_model_that_starts_from_a_picture_has_room_for_what_reads_it(needs_once: Callable[..., Needs]) -> None:
    for model, part, *size in (
        ("wan21-i2v-14b-480p", "image encoder", (832, 480, 5)),  # few frames: what is said here holds for all
        ("sana-1600m-1024px-controlnet-hed", "controlnet"),
    ):
        needs = needs_once(model, *size)
        assert needs.parts[part.replace(" ", "_")].size > GB
        for way in arrangements(needs, [80 * GB]):
            assert any(term.what == f"VAE and {part}" for term in way.terms), way
    plain, controlled = (needs_once(name) for name in ("sana-1600m-1024px", model))
    assert controlled.activity.step > plain.activity.step


def test_what_cannot_be_split_is_said(needs_once: Callable[..., Needs]) -> None:
    refusals = {way.refusal for way in arrangements(needs_once("sana-1600m-1024px"), parse_gpus("2x24GB"))}
    assert "diffusers has no plan to split the tokens of this model" in refusals
    needs = needs_once("wan21-t2v-1300m", (832, 480, 5))
    seven = {way.refusal for way in arrangements(needs, parse_gpus("7x24GB"))}
    assert "12 attention heads do not divide by 7" in seven


def test_every_sum_holds_the_reserve_and_the_vae(needs_once: Callable[..., Needs]) -> None:
    for way in arrangements(needs_once("sana-1600m-1024px"), parse_gpus("2x12GB")):
        assert way.needed >= RESERVE + 0.5 * GB
        assert way.fits == (way.refusal is None and way.needed <= way.memory)


@pytest.mark.parametrize(("text", "sizes"), [("2x24GB", [24 * GB] * 2), ("24gib,1x80GB", [80 * GB, 24 * 2**30])])
def test_gpus_are_read(text: str, sizes: list[int]) -> None:
    assert parse_gpus(text) == sizes


@pytest.mark.parametrize("text", ["", "24", "x24GB", "0x24GB", "2x0GB", "2xA100", "99999x24GB", "-1x24GB"])
def test_what_are_no_gpus_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no GPUs"):
        parse_gpus(text)


def test_the_command_prints_sums_and_json_and_explains_what_it_cannot_plan(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runner = CliRunner()
    told = runner.invoke(build_app(), ["plan", "sana-demo", "--gpus", "24GB"])
    assert told.exit_code == 0, told.output
    assert "fits" in told.output
    assert "≤ 24.0 GB" in told.output
    values = json.loads(runner.invoke(build_app(), ["plan", "sana-demo", "--gpus", "1GB", "--json"]).output)
    assert not any(way["fits"] for way in values["arrangements"])  # the reserve alone is more
    for arguments in (["--size", "big"], ["--size", "100x100"], ["--gpus", "many"]):
        refused = runner.invoke(build_app(), ["plan", "sana-demo", "--gpus", "24GB", *arguments])
        assert refused.exit_code == 2
        assert arguments[0] in refused.stderr


@pytest.mark.parametrize("frames", [2, 79, 80])
@pytest.mark.parametrize("model", ["wan22-t2v-a14b", "wan21-t2v-14b", "sana-video-2b-480p", "sana-video-2b-720p"])
def test_no_plan_is_made_for_frames_that_a_job_could_not_ask_for(catalog: Catalog, model: str, frames: int) -> None:
    with pytest.raises(InvalidRequest, match=rf"frames must be 1 more than a multiple of [48], and are {frames}"):
        needs_of(catalog.model(model), (832, 480, frames))


def test_a_model_that_nobody_described_is_named(catalog: Catalog) -> None:
    entry = catalog.model("sana-1600m-1024px").model_copy(update={"architecture": {"vae": "dc-ae-f32c32"}})
    with pytest.raises(InvalidRequest, match="transformer and text_encoder"):
        build_parts(entry)
