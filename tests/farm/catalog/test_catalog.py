"""The catalog: what is shipped, how files extend and overlay each other, and what is said when they are wrong."""

from pathlib import Path

import pytest
import yaml

from farm.catalog import Catalog, load_catalog
from farm.errors import CatalogError, UnknownModel, UnknownPool
from farm.settings import Settings


def load(tmp_path: Path, text: str = "", environment: str | None = None, **variables: str) -> Catalog:
    """The catalog with one own file above the shipped ones."""
    file = tmp_path / "own.yaml"
    file.write_text(text)
    return load_catalog(Settings(catalog=[file], environment=environment), variables)


def faults_of(tmp_path: Path, text: str = "", environment: str | None = None, **variables: str) -> list[str]:
    """Every fault that is reported, as lines."""
    with pytest.raises(CatalogError) as wrong:
        load(tmp_path, text, environment, **variables)
    return [str(fault) for fault in wrong.value.faults]


SHIPPED = {
    "sana-600m-512px": "Efficient-Large-Model/Sana_600M_512px_diffusers",
    "sana-600m-1024px": "Efficient-Large-Model/Sana_600M_1024px_diffusers",
    "sana-1600m-512px": "Efficient-Large-Model/Sana_1600M_512px_diffusers",
    "sana-1600m-512px-multiling": "Efficient-Large-Model/Sana_1600M_512px_MultiLing_diffusers",
    "sana-1600m-1024px-fp16": "Efficient-Large-Model/Sana_1600M_1024px_diffusers",
    "sana-1600m-1024px-multiling": "Efficient-Large-Model/Sana_1600M_1024px_MultiLing_diffusers",
    "sana-1600m-1024px": "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",
    "sana-1600m-2kpx": "Efficient-Large-Model/Sana_1600M_2Kpx_BF16_diffusers",
    "sana-1600m-4kpx": "Efficient-Large-Model/Sana_1600M_4Kpx_BF16_diffusers",
    "sana15-1600m-1024px": "Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers",
    "sana15-4800m-1024px": "Efficient-Large-Model/SANA1.5_4.8B_1024px_diffusers",
    "sprint-600m-1024px": "Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers",
    "sprint-1600m-1024px": "Efficient-Large-Model/Sana_Sprint_1.6B_1024px_diffusers",
    "wan21-t2v-1300m": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    "wan21-t2v-14b": "Wan-AI/Wan2.1-T2V-14B-Diffusers",
    "wan21-i2v-14b-480p": "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
    "wan21-i2v-14b-720p": "Wan-AI/Wan2.1-I2V-14B-720P-Diffusers",
    "wan21-flf2v-14b-720p": "Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers",
    "wan21-vace-1300m": "Wan-AI/Wan2.1-VACE-1.3B-diffusers",
    "wan21-vace-14b": "Wan-AI/Wan2.1-VACE-14B-diffusers",
    "wan22-t2v-a14b": "Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    "wan22-i2v-a14b": "Wan-AI/Wan2.2-I2V-A14B-Diffusers",
    "wan22-animate-14b": "Wan-AI/Wan2.2-Animate-14B-Diffusers",
    "wan22-ti2v-5b": "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    "sana-video-2b-480p": "Efficient-Large-Model/SANA-Video_2B_480p_diffusers",
    "sana-video-2b-720p": "Efficient-Large-Model/SANA-Video_2B_720p_diffusers",
}


def test_the_production_models_are_there_under_their_exact_hub_ids(tmp_path: Path) -> None:
    catalog = load(tmp_path)
    repos = {name: entry.source.repo for name, entry in catalog.models.items() if entry.source.repo}
    assert repos == SHIPPED
    assert {entry.source.revision for entry in catalog.models.values()} == {"main", None}
    # fp16 repositories run only the transformer in fp16; Wan's VAE stays in fp32.
    assert catalog.model("sana-1600m-512px").dtype == {"transformer": "float16", "default": "bfloat16"}
    assert catalog.model("sana-1600m-512px").source.variant == "fp16"
    assert catalog.model("sana15-1600m-1024px").source.variant is None
    assert catalog.model("wan21-t2v-14b").dtype == {"vae": "float32", "default": "bfloat16"}


def test_the_shift_of_a_model_follows_the_rendered_size(tmp_path: Path) -> None:
    catalog = load(tmp_path)
    assert catalog.model("wan21-t2v-14b").shift_for(832, 480) == 3.0
    assert catalog.model("wan21-t2v-14b").shift_for(1280, 720) == 5.0
    assert catalog.model("sana-1600m-4kpx").shift_for(4096, 4096) == 6.0
    assert catalog.model("sprint-600m-1024px").shift_for(1024, 1024) is None


def test_the_demo_models_and_their_pools_are_there(tmp_path: Path) -> None:
    catalog = load(tmp_path)
    for name, workers in (("sana-demo", 1), ("sana-pair-demo", 0), ("sprint-demo", 1), ("wan-demo", 1)):
        assert catalog.model(name).lane == f"{name}@fp32"
        (pool,) = catalog.pools_of(name)
        assert (pool.name, pool.workers, pool.threads) == (f"{name}-local", workers, 1)
    folder = catalog.model("sana-demo").source.folder()
    assert folder is not None
    assert folder.parts[-3:] == ("demo_models", "weights", "sana-demo")
    assert folder.parents[1].is_dir()


def test_an_unknown_name_is_answered_with_the_nearest_ones(tmp_path: Path) -> None:
    catalog = load(tmp_path)
    with pytest.raises(UnknownModel, match="unknown model 'spint-demo'; did you mean 'sprint-demo'"):
        catalog.model("spint-demo")
    with pytest.raises(UnknownPool, match="did you mean 'wan-demo-local'"):
        catalog.pool("wan-local")


def test_an_entry_extends_others_the_last_over_the_first_its_own_values_over_all(tmp_path: Path) -> None:
    catalog = load(
        tmp_path,
        """
models:
  bright: {abstract: true, title: Bright, defaults: {guidance_scale: 7.0, num_inference_steps: 9}}
  calm: {abstract: true, title: Calm, defaults: {num_inference_steps: 8}}
  mine:
    extends: [sana-demo, bright, calm]
    defaults: {guidance_scale: 3.0}
  mine-again: {extends: mine, title: "${.name} at ${.defaults.guidance_scale}"}
""",
    )
    mine = catalog.model("mine")
    assert mine.title == "Calm"
    assert (mine.defaults["guidance_scale"], mine.defaults["num_inference_steps"]) == (3.0, 8)
    assert mine.limits == catalog.model("sana-demo").limits
    assert catalog.model("mine-again").title == "mine-again at 3.0"
    assert "bright" not in catalog.models
    assert catalog.origin("models.mine.title").endswith("own.yaml:4 (through 'calm')")
    assert catalog.origin("models.mine.defaults.guidance_scale").endswith("own.yaml:7")
    assert catalog.origin("models.mine.limits.width").endswith("(through 'demo-picture')")
    assert catalog.origin("models.mine.published") == "default"


def test_an_entry_may_speak_of_any_other_and_of_its_own_nearest_values(tmp_path: Path) -> None:
    catalog = load(
        tmp_path,
        """
variables: {studio: {name: north}}
models:
  first: {extends: sana-demo, title: "${variables.studio.name}"}
  second: {extends: sana-demo, title: "${models.first.title}/${.name}"}
  third: {extends: sana-demo, title: "${oc.select:models.second.title,none}"}
  fourth: {extends: sana-demo, title: "${oc.select:models.fifth.title,none}"}
""",
    )
    titles = [catalog.model(name).title for name in ("first", "second", "third", "fourth")]
    assert titles == ["north", "north/second", "north/second", "none"]


def test_what_a_parent_is_changed_to_reaches_its_children(tmp_path: Path) -> None:
    catalog = load(tmp_path, "models: {sana: {limits: {steps: [1, 30]}}}")
    assert catalog.model("sana-1600m-1024px").limits.steps == (1, 30)
    assert catalog.model("sprint-600m-1024px").limits.steps == (1, 4)


def test_variables_of_the_environment_can_be_substituted_but_no_secrets(tmp_path: Path) -> None:
    text = 'models: {mine: {extends: sana-demo, title: "${farm.env:TITLE,none}", memory_gb: "${farm.env:GB}"}}'
    assert load(tmp_path, text, GB="2").model("mine").title == "none"
    mine = load(tmp_path, text, TITLE="Mine", GB="2.5").model("mine")
    assert (mine.title, mine.memory_gb) == ("Mine", 2.5)
    (fault,) = faults_of(tmp_path, text)
    assert "own.yaml:1: models.mine" in fault
    assert "environment variable GB is not set; set it, or write ${farm.env:GB,DEFAULT}" in fault
    for resolver in ("farm.env", "oc.env"):
        secret = f'models: {{mine: {{extends: sana-demo, title: "${{{resolver}:FARM_SECRET_KEY}}"}}}}'
        (fault,) = faults_of(tmp_path, secret, FARM_SECRET_KEY="tiger")
        assert "FARM_SECRET_KEY is a secret" in fault
        assert "tiger" not in fault


def test_the_overlay_of_the_chosen_environment_applies(tmp_path: Path) -> None:
    text = "environments: {staging: {models: {sana-demo: {defaults: {num_inference_steps: 7}}}}}"
    assert load(tmp_path, text).model("sana-demo").defaults["num_inference_steps"] == 20
    staging = load(tmp_path, text, environment="staging")
    assert staging.model("sana-demo").defaults["num_inference_steps"] == 7
    origin = staging.origin("models.sana-demo.defaults.num_inference_steps")
    assert origin.endswith("own.yaml:1 (environments.staging)")
    production = load(tmp_path, text, environment="production")
    assert production.pool("sana-demo-local").workers == 0
    assert production.pool("wan21-t2v-14b-gpu").device == "cuda"
    (fault,) = faults_of(tmp_path, text, environment="stagin")
    assert "no catalog file has an overlay 'stagin'; did you mean 'staging'?" in fault


@pytest.mark.parametrize(
    "variable",
    [
        "FARM_CATALOG__models__sana-demo__defaults__guidance_scale",
        "FARM_CATALOG__MODELS__SANA_DEMO__DEFAULTS__GUIDANCE_SCALE",
    ],
)
def test_one_value_can_be_set_by_a_variable(tmp_path: Path, variable: str) -> None:
    text = "environments: {staging: {models: {sana-demo: {defaults: {guidance_scale: 7.0}}}}}"
    catalog = load(tmp_path, text, "staging", **{variable: "5.5"})
    assert catalog.model("sana-demo").defaults["guidance_scale"] == 5.5
    assert catalog.origin("models.sana-demo.defaults.guidance_scale") == f"environment variable {variable}"


def test_a_variable_that_names_nothing_is_a_fault(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        FARM_CATALOG__MODELS__SANA_DEMI__TITLE="x",
        FARM_CATALOG__MODEL__SANA_DEMO__TITLE="x",
        FARM_CATALOG__MODELS="x",
        FARM_CATALOG__MODELS__SANA_DEMO__SIZES="[[1",
    )
    said = "\n".join(faults)
    assert len(faults) == 4
    assert "'SANA_DEMI' names nothing in the catalog; did you mean 'sana-demo'" in said
    assert "'MODEL' names nothing in the catalog; did you mean 'models'" in said
    assert "name a value as FARM_CATALOG__MODELS__NAME__KEY" in said
    assert "the value is read as YAML, and this is none: '[[1'" in said


def test_every_fault_is_told_at_once_with_the_line_it_comes_from(tmp_path: Path) -> None:
    text = """
models:
  a: {extends: b}
  b: {extends: c}
  c: {extends: a}
  d: {extends: sanaa}
  e: {extends: sana-demo, title: "${nope.x}"}
  f:
    extends: sana-demo
    limits:
      steps: 5
      stps: [1, 4]
  g: {extends: sana-demo, samplers: [euler], sizes: [[100, 128]]}
  h: {extends: sana-demo, source: {repo: a/b}}
  i: {extends: sana-demo, defaults: {step: 4, fps: fast}}
  sana-600m-1024px: {limits: {width: [512, 100]}}
pools:
  x: {model: sana-dmo, max_batch: 0}
"""
    said = "\n".join(faults_of(tmp_path, text))
    own = tmp_path / "own.yaml"
    assert f"{own}:5: models.c: extends goes in a circle: a → b → c → a" in said
    assert f"{own}:6: models.d: extends 'sanaa': unknown; did you mean 'sana'" in said
    assert f"{own}:7: models.e: Interpolation key 'nope.x' not found" in said
    assert f"{own}:11: models.f.limits.steps: must be a valid tuple; seen 5" in said
    assert f"{own}:12: models.f.limits.stps: unknown key; did you mean 'steps'" in said
    assert f"{own}:13: models.g: defaults.sampler: 'dpm++-2m' is not one of samplers ['euler']" in said
    assert "sizes: 100x128 breaks the limits or size_multiple 32" in said
    assert f"{own}:14: models.h.source: give either 'repo' (with 'revision') or 'path'" in said
    assert f"{own}:15: models.i.defaults.step: unknown key; did you mean 'num_inference_steps'" in said
    assert f"{own}:15: models.i.defaults.fps: must be a valid integer; seen 'fast'" in said
    assert f"{own}:16: models.sana-600m-1024px.limits: width: the smallest (512) is above the largest (100)" in said
    assert f"{own}:18: pools.x.max_batch: must be greater than or equal to 1; seen 0" in said
    assert f"{own}:18: pools.x.model: unknown model 'sana-dmo'; did you mean 'sana-demo'" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modles: {}", "own.yaml:1: modles: unknown section; did you mean 'models'"),
        ("models: 5", "own.yaml:1: models: must hold names and their values; seen 5"),
        ("models: {sana-demo: 5}", "models.sana-demo: must hold keys and values; seen 5"),
        ("models: {sana-demo: {name: x}}", "the name is the key above it"),
        ("models: {Sana: {extends: sana-demo}}", "models.Sana.name: must match the pattern"),
        ("models: {sana-demo: {samplers: [dpm++-2m, euler_a]}}", "samplers: unknown 'euler_a'"),
        ("models: {sana-demo: {extends: [sana, demo-picture], family: flux}}", "family: unknown 'flux'"),
        ("models: {sprint-demo: {samplers: [scm, euler]}}", "'euler' does not work with sprint; allowed: scm"),
        ("models: {wan-demo: {samplers: [unipc, scm]}}", "'scm' does not work with wan; allowed: "),
        ("models: {sana-demo: {size_multiple: 16}}", "size_multiple: must be a multiple of 32 for sana; seen 16"),
        ("models: {wan-demo: {frame_multiple: 6}}", "frame_multiple: must be a multiple of 4 for wan; seen 6"),
        ("models: {sprint-demo: {bins: 512}}", "bins: sprint has no table 512; allowed: 1024"),
        ("models: {sprint-demo: {limits: {steps: [1, 8]}}}", "limits.steps: sprint takes at most 4 steps; seen 8"),
        ("models: {sana-demo: {limits: {frames: [1, 9]}}}", "limits.frames: sana makes pictures, not clips"),
        ("models: {sana-demo: {limits: {guidance: [0, 9]}}}", "guidance.0: must be greater than or equal to 1"),
        ("models: {a: {extends: sana-demo, abstract: maybe}}", "abstract must be true or false; seen 'maybe'"),
        ("models: {a: {extends: '${x}'}}", "extends '${x}': unknown"),
        ("models: {a: {extends: sana-demo, limits: [1]}}", "a list stands where what it extends has keys"),
        ("models: {a: {extends: sana-demo, limits: null}}", "models.a.limits: must be an object"),
        ("models: {a: {extends: sana-demo, title: '${'}}", "own.yaml:1: models.a: "),
        ("models: {a: {extends: sana-demo, title: '${.title}'}}", "models.a: Recursive interpolation"),
        ("environments: {x: 5}", "environments.x: must hold the sections"),
    ],
)
def test_wrong_forms_are_named(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(faults_of(tmp_path, text, "x" if "environments" in text else None))


def test_overlays_may_be_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.yaml").write_text(yaml.safe_dump({"models": {"sana-demo": {"title": "One"}}}))
    (tmp_path / "two.yaml").write_text(yaml.safe_dump({"models": {"sana-demo": {"description": "Two"}}}))
    entry = load_catalog(Settings(catalog=[tmp_path]), {}).model("sana-demo")
    assert (entry.title, entry.description) == ("One", "Two")


def test_a_missing_overlay_is_named() -> None:
    with pytest.raises(CatalogError, match=r"/nowhere/own.yaml: the file cannot be read"):
        load_catalog(Settings(catalog=[Path("/nowhere/own.yaml")]), {})
