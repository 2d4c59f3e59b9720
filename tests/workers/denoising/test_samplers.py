"""A sampler that runs is not yet one that works: each is asked to bring noise to a distribution that is known."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from farm.catalog import load_catalog
from farm.catalog.supported_features import SAMPLERS, known_samplers
from farm.errors import CatalogError
from farm.params import JobRequest, parameters_schema, resolve
from farm.params.request.base import InputRef
from farm.settings import Settings
from workers.denoising.samplers import SAMPLER_NAMES, UnknownSampler, build_sampler, is_stochastic, takes_generator

MEAN, DEVIATION = 0.7, 0.5  # of the data that the oracle knows
FLOW = [name for name in SAMPLER_NAMES if name != "scm"]


def velocity(sample: torch.Tensor, sigma: float) -> torch.Tensor:
    """The exact velocity E[ε - x0 | x] for x = (1 - σ) x0 + σ ε and x0 ~ N(MEAN, DEVIATION²)."""
    variance = (1 - sigma) ** 2 * DEVIATION**2 + sigma**2
    beyond = sample - (1 - sigma) * MEAN
    noise = sigma / variance * beyond
    data = MEAN + (1 - sigma) * DEVIATION**2 / variance * beyond
    return noise - data


def sample_with(name: str, steps: int, *, shift: float = 3.0, seed: int = 1) -> torch.Tensor:
    """20,000 numbers of pure noise, taken to the end by a sampler and the oracle."""
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(1, 1, 100, 200, generator=generator)
    sampler = build_sampler(name, flow_shift=shift)
    sampler.set_timesteps(steps)
    extra = {"generator": generator} if takes_generator(sampler) else {}
    for timestep in sampler.timesteps:
        prediction = velocity(sample, float(timestep) / 1000)
        sample = sampler.step(prediction, timestep, sample, return_dict=False, **extra)[0]
    return sample


@pytest.mark.parametrize("name", FLOW)
def test_every_offered_sampler_ends_at_the_right_distribution(name: str) -> None:
    # First-order samplers fall short in variance at few steps, so they get more.
    found = sample_with(name, 200 if name in ("euler", "ddim") else 50)
    assert float(found.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(found.std()) == pytest.approx(DEVIATION, abs=0.025)


@pytest.mark.parametrize("name", FLOW)
def test_every_offered_sampler_ends_without_noise(name: str) -> None:
    sampler = build_sampler(name, flow_shift=3.0)
    sampler.set_timesteps(10)
    assert float(sampler.sigmas[-1]) == 0


@pytest.mark.parametrize("name", FLOW)
def test_the_shift_reaches_the_sampler(name: str) -> None:
    """σ' = s σ / (1 + (s - 1) σ): the middle of the schedule moves towards noise."""
    plain, shifted = (build_sampler(name, flow_shift=shift) for shift in (1.0, 5.0))
    for sampler in (plain, shifted):
        sampler.set_timesteps(21)
    for before, after in zip(plain.sigmas.tolist(), shifted.sigmas.tolist(), strict=True):
        # Not closer: the FlowMatch kind shifts its smallest sigma twice, as diffusers does it.
        assert after == pytest.approx(5 * before / (1 + 4 * before), abs=0.025)


def test_ddim_is_euler_under_flow_matching() -> None:
    """The two lines of algebra beside the sampler, as code: DDIM's own update with x0 and ε from the velocity."""
    sampler = build_sampler("ddim", flow_shift=3.0)
    sampler.set_timesteps(8)
    sigmas = sampler.sigmas.double().tolist()
    sample = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    by_hand = sample.double()
    for timestep, sigma, following in zip(sampler.timesteps, sigmas, sigmas[1:], strict=False):
        prediction = velocity(sample, sigma)
        sample = sampler.step(prediction, timestep, sample, return_dict=False)[0]
        v = velocity(by_hand, sigma)
        data, noise = by_hand - sigma * v, by_hand + (1 - sigma) * v
        by_hand = (1 - following) * data + following * noise
    assert torch.allclose(sample.double(), by_hand, atol=1e-5)


@pytest.mark.parametrize("name", FLOW)
def test_noise_comes_from_the_renders_generator_and_nowhere_else(name: str) -> None:
    torch.manual_seed(1)
    first = sample_with(name, 6)
    torch.manual_seed(2)
    assert torch.equal(first, sample_with(name, 6))


def test_only_samplers_that_say_so_draw_noise() -> None:
    for name in FLOW:
        sampler = build_sampler(name, flow_shift=3.0)
        sampler.set_timesteps(6)
        generator = torch.Generator().manual_seed(1)
        before = generator.get_state()
        extra = {"generator": generator} if takes_generator(sampler) else {}
        ones = torch.ones(1, 1, 4, 4)
        sampler.step(ones, sampler.timesteps[0], ones, return_dict=False, **extra)
        assert is_stochastic(name) == (not torch.equal(before, generator.get_state())), name


def test_scm_reaches_the_data_in_one_step_and_stays_there() -> None:
    """With the exact trigonometric velocity, x0 = cos(s) x - sin(s) F is the data, whatever the number of steps."""
    data = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(2)) * 0.5
    for steps in (1, 2, 4):
        generator = torch.Generator().manual_seed(3)
        sampler = build_sampler("scm", flow_shift=1.0)
        sampler.set_timesteps(steps, intermediate_timesteps=1.3 if steps == 2 else None)
        sampler.set_begin_index(0)
        sample = torch.randn(data.shape, generator=generator) * 0.5
        denoised = torch.zeros_like(data)
        for angle in sampler.timesteps[:-1]:
            cosine, sine = math.cos(angle), math.sin(angle)
            prediction = (cosine * sample - data) / sine
            sample, denoised = sampler.step(prediction, angle.expand(1), sample, generator=generator, return_dict=False)
        assert torch.allclose(denoised, data, atol=1e-5)


@pytest.mark.parametrize("model", ["wan21-t2v-14b", "wan21-i2v-14b-480p", "wan22-t2v-a14b", "wan22-i2v-a14b"])
def test_a_distilled_model_has_by_itself_the_noise_levels_that_it_was_trained_for(model: str) -> None:
    entry = load_catalog(Settings(), {}).model(f"{model}-4step")
    picture = {"image": "picture"} if "i2v" in model else {}
    request = JobRequest.model_validate({"model": entry.name, "prompt": "a fox", **picture})
    ref = InputRef(id="picture", key="inputs/picture.png", sha256="0" * 64)
    [asked] = resolve(request, entry, max_renders=1, draw_seed=lambda: 1, find_input=lambda _: ref).renders
    assert (asked.num_inference_steps, asked.guidance_scale) == (4, 1.0)
    sampler = build_sampler(asked.sampler, flow_shift=entry.shift_for(asked.width, asked.height) or 1.0)
    sampler.set_timesteps(asked.num_inference_steps)
    # 1000, 750, 500 and 250 of 1000, shifted by 5 (LightX2V, configs/distill).
    levels = [5 * level / (1 + 4 * level) for level in (1.0, 0.75, 0.5, 0.25)]
    assert sampler.sigmas[:4].tolist() == pytest.approx(levels, abs=2e-3)
    # Of two experts each has two steps.
    assert [int(time) >= 900 for time in sampler.timesteps] == [True, True, False, False]


def test_a_sampler_is_fresh_each_time() -> None:
    """Samplers remember former steps: two renders must never share one."""
    assert build_sampler("unipc", flow_shift=3.0) is not build_sampler("unipc", flow_shift=3.0)


@pytest.mark.parametrize("ask", [lambda name: build_sampler(name, flow_shift=1.0), is_stochastic])
def test_an_unknown_name_is_refused_with_those_that_exist(ask: Callable[[str], object]) -> None:
    with pytest.raises(UnknownSampler, match=r"'euler_a'; there are: euler, .*unipc"):
        ask("euler_a")


def test_request_validation_and_the_engine_know_the_same_names() -> None:
    assert set(SAMPLERS) == set(SAMPLER_NAMES)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that brings the sampler `midpoint`, and something that is none."""
    (tmp_path / "extra_samplers.py").write_text(
        "from diffusers import FlowMatchHeunDiscreteScheduler\n"
        "from workers.denoising.samplers import SamplerSpec\n"
        "MIDPOINT = SamplerSpec(lambda shift: FlowMatchHeunDiscreteScheduler(shift=shift))\n"
        "NONE = 3\n"
    )
    about = tmp_path / "extra_samplers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-samplers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[latent_farm.samplers]\nmidpoint = extra_samplers:MIDPOINT\nnone = extra_samplers:NONE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    known_samplers.cache_clear()
    yield
    monkeypatch.undo()
    known_samplers.cache_clear()


def test_a_sampler_of_an_installed_package_is_offered_by_its_name(package: None, tmp_path: Path) -> None:
    # Given a model of a catalog file that lists it,
    (tmp_path / "own.yaml").write_text("models: {sana-demo: {samplers: [dpm++-2m, midpoint]}}\n")
    catalog = load_catalog(Settings(catalog=[tmp_path / "own.yaml"]), {})
    # then a render may ask for it, a form shows where it is from, and a worker builds it.
    request = JobRequest(model="sana-demo", prompt="a", sampler="midpoint", seed=1)
    (render,) = resolve(request, catalog.model("sana-demo"), max_renders=1, draw_seed=lambda: 0).renders
    assert render.sampler == "midpoint"
    assert "midpoint: from extra_samplers" in str(parameters_schema(catalog.model("sana-demo")))
    assert type(build_sampler("midpoint", flow_shift=3.0)).__name__ == "FlowMatchHeunDiscreteScheduler"
    assert not is_stochastic("midpoint")


def test_an_entry_point_that_is_no_sampler_is_named(package: None) -> None:
    with pytest.raises(UnknownSampler, match=r"'none' of latent_farm\.samplers is no SamplerSpec: extra_samplers:NONE"):
        build_sampler("none", flow_shift=1.0)


def test_distilled_models_take_no_sampler_of_a_package(package: None, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("models: {sprint-demo: {samplers: [scm, midpoint]}}\n")
    with pytest.raises(CatalogError, match="'midpoint' does not work with sprint; allowed: scm"):
        load_catalog(Settings(catalog=[tmp_path / "own.yaml"]), {})
