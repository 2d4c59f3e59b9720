"""sana-pair-demo's training: it begins with what sana-demo knows, and what it stores is a pipeline of 256 pixels."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from diffusers import SanaPipeline  # noqa: E402

from farm.demo.pairs import Pair, Thing, draw  # noqa: E402
from farm.demo.random_source import dice  # noqa: E402
from farm.demo.scenes import Scene  # noqa: E402
from farm.demo.vocabulary import CENTRES, COLOURS, SHAPES  # noqa: E402
from workers.demo_models import train_pairs as training  # noqa: E402
from workers.demo_models.autoencoders import pixels  # noqa: E402
from workers.demo_models.evaluate import WEIGHTS, load, measure_pairs  # noqa: E402
from workers.demo_models.pair_autoencoder import pair_autoencoder  # noqa: E402
from workers.demo_models.pair_training_samples import NOTHING, UNSAID, layouts, sketches  # noqa: E402
from workers.demo_models.stages import Workshop, pairs  # noqa: E402
from workers.demo_models.stages import pair_autoencoder as learn_large  # noqa: E402
from workers.demo_models.training_samples import tokens  # noqa: E402

KNOWN = Pair(Thing("circle", "red"), Thing("square", "blue", "large"), "left", "white")


@pytest.fixture(scope="module")
def teacher() -> SanaPipeline:
    return load(WEIGHTS / "sana-demo")


def test_a_deeper_text_encoder_says_at_first_what_the_shallow_one_said(teacher: SanaPipeline) -> None:
    deeper = training.deeper(teacher.text_encoder, len(teacher.tokenizer))
    ids, mask = tokens(teacher.tokenizer, ["a red circle left of a blue square", "红色圆形"])
    with torch.no_grad():
        before, after = (encoder(ids, attention_mask=mask)[0] for encoder in (teacher.text_encoder, deeper))
    assert deeper.config.num_hidden_layers == 4
    assert torch.equal(before, after)


def test_the_larger_autoencoder_keeps_the_shape_of_the_latents(teacher: SanaPipeline) -> None:
    vae = pair_autoencoder(teacher.vae)
    picture = pixels([draw(KNOWN, 256)])
    with torch.no_grad():
        latent = vae.encode(picture).latent
        assert latent.shape == (1, 16, 8, 8)
        assert vae.decode(latent).sample.shape == picture.shape
    kept = {name: weight for name, weight in teacher.vae.state_dict().items() if name.startswith("decoder.conv_in")}
    assert all(torch.equal(weight, vae.state_dict()[name]) for name, weight in kept.items())


def test_a_layout_names_what_stands_where_and_leaves_open_what_the_caption_does() -> None:
    places = list(CENTRES)
    (pair, alone, nothing) = layouts([KNOWN, Scene("star", None, "green", "top"), None])
    colours, forms, ground = pair.split([9, 9, 1])
    assert colours[places.index("left")] == list(COLOURS).index("red") + 1
    assert forms[places.index("right")] == list(SHAPES).index("square") + 1
    assert int((colours == NOTHING).sum()) == 7
    assert ground == list(COLOURS).index("white") + 1
    assert alone[places.index("top")] == UNSAID
    assert alone[9 + places.index("top")] == list(SHAPES).index("star") + 1
    assert bool((nothing == UNSAID).all())


def test_a_sketch_tells_each_token_the_shape_that_covers_it() -> None:
    sketch = sketches([KNOWN])
    left, right = 8 * 4 + 2, 8 * 4 + 6
    assert sketch.cover[0, left] > 0.9
    assert sketch.cover[0, 0] == 0
    assert (sketch.colour[0, left], sketch.colour[0, right]) == tuple(map(list(COLOURS).index, ("red", "blue")))
    assert (sketch.shape[0, left], sketch.shape[0, right]) == tuple(map(list(SHAPES).index, ("circle", "square")))


@pytest.mark.long  # two trainings, and a pipeline stored and loaded
def test_both_stages_store_a_pipeline_that_renders_256_pixels_and_go_on_where_they_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "sana-demo").symlink_to(WEIGHTS / "sana-demo")
    monkeypatch.setattr(training, "PICTURES", 50)
    monkeypatch.setattr(training, "BATCH", 4)
    workshop = Workshop(tmp_path, weights, seed=1, seconds=0.1)
    learn_large(workshop)
    pairs(workshop)
    rates, [[picture]] = measure_pairs(load(weights / "sana-pair-demo"), 1, 3, num_inference_steps=1)
    assert picture.size == (256, 256)
    assert rates.asked == 1
    before = torch.load(tmp_path / "pairs.pt", weights_only=True)
    pairs(Workshop(tmp_path, weights, seed=1, seconds=before["spent"] + 0.05))
    assert torch.load(tmp_path / "pairs.pt", weights_only=True)["step"] > before["step"] >= 1


def test_the_same_seed_draws_the_same_lessons(teacher: SanaPipeline, tmp_path: Path) -> None:
    first = training.prepare(tmp_path / "one.pt", 4, 1, teacher.vae)
    again = training.prepare(tmp_path / "two.pt", 4, 1, teacher.vae)
    kept = training.prepare(tmp_path / "one.pt", 4, 1, teacher.vae)
    assert first.scenes == again.scenes == kept.scenes
    assert torch.equal(first.latents, again.latents)
    assert first.batch(2, dice(1))[1] == kept.batch(2, dice(1))[1]
