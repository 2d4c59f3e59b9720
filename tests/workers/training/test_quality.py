"""Twelve captioned pictures of a shape that sana-demo has never seen teach it that shape."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from farm.catalog import load_catalog
from farm.demo import scenes
from farm.demo.captions import caption
from farm.demo.checker import check_picture
from farm.demo.random_source import dice
from farm.demo.scenes import Scene, draw_picture, random_scene
from farm.demo.vocabulary import SHAPES, Word
from farm.params.request.base import InputRef
from farm.params.training.stored import TrainingPicture
from farm.params.training.trained_families import TRAINED, SanaTrainingParameters
from farm.settings import load_settings
from tests.workers.orders import batch, run
from tests.workers.training.trainings import training
from workers.demo_models.evaluate import WEIGHTS, load, render_pictures
from workers.engine.step_loop import Engine
from workers.pipelines import load as pipelines
from workers.protocol import Rendered, RenderOrder, training_example

pytestmark = pytest.mark.long

SHAPE, PICTURES, FRESH, LEAST = "cross", 12, 16, 12
KNOWN_OUTLINE = scenes.outline


def outline(shape: str, centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """The outlines of the demo world, and the new one."""
    x, y = centre
    if shape != SHAPE:
        return KNOWN_OUTLINE(shape, centre, radius)
    corner = [(-1 / 3, -1.0), (1 / 3, -1.0), (1 / 3, -1 / 3)]
    turns = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]  # by a quarter each
    return [(x + radius * (a * u + b * v), y + radius * (c * u + d * v)) for a, b, c, d in turns for u, v in corner]


def scenes_of_shape(count: int, name: str) -> list[Scene]:
    """Large ones: of small crosses twelve pictures teach too little."""
    chance = dice(name)
    return [replace(random_scene(chance), shape=SHAPE, size="large") for _ in range(count)]


def trained(pictures: list[tuple[Scene, Path]], spool: Path) -> bytes:
    """The LoRA that the farm's engine makes of these."""
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for _, path in pictures]
    plan = training(
        pictures=[
            TrainingPicture(image=InputRef(id=name, key=name, sha256=name), caption=caption(scene))
            for name, (scene, _) in zip(hashes, pictures, strict=True)
        ],
        rank=16,
        lora_alpha=16.0,
        target_modules=TRAINED["sana"].target_modules(everywhere=True),
        learning_rate=4e-3,
        lr_warmup_steps=10,
        max_train_steps=150,
        train_batch_size=4,
        validation_steps=150,
    )
    entry = load_catalog(load_settings()).model("sana-demo")
    parameters = SanaTrainingParameters(
        family="sana",
        prompt=plan.pictures[0].caption,
        seed=1,
        width=128,
        height=128,
        num_inference_steps=plan.passes,
        guidance_scale=4.5,
        sampler="euler",
        max_sequence_length=entry.max_sequence_length,
        deterministic=True,
        training=plan,
    )
    files = {training_example(name): str(path) for name, (_, path) in zip(hashes, pictures, strict=True)}
    order = RenderOrder("r", 1, "j", parameters.model_dump(mode="json"), 128, 128, 1, inputs=files)
    engine = Engine(pipelines.load(entry, None, torch.device("cpu")).family, spool)
    engine.admit(batch([order]))
    [made] = [message for message in run(engine) if isinstance(message, Rendered)]
    return Path(str(made.adapter_path)).read_bytes()


def test_twelve_pictures_of_a_new_shape_teach_the_model_that_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a shape that no weight of the model knows, and a checker that does,
    monkeypatch.setattr(scenes, "outline", outline)
    monkeypatch.setitem(SHAPES, SHAPE, Word((SHAPE,), (SHAPE,)))
    chance, pictures = dice("shades"), []
    for number, scene in enumerate(scenes_of_shape(PICTURES, "new shape")):
        path = tmp_path / f"{number}.png"
        draw_picture(scene, rng=chance).save(path)
        pictures.append((scene, path))
    shown = {replace(scene) for scene, _ in pictures}
    fresh = [scene for scene in scenes_of_shape(2 * FRESH, "fresh") if scene not in shown][:FRESH]

    def read_as_asked() -> int:
        made = render_pictures(
            pipeline, [caption(scene) for scene in fresh], 100, num_inference_steps=10, guidance_scale=4.5
        )
        return sum(check_picture(image, scene).shape for image, scene in zip(made, fresh, strict=True))

    pipeline = load(WEIGHTS / "sana-demo")
    assert read_as_asked() == 0
    # when a LoRA is trained from twelve pictures and diffusers loads it,
    weights = tmp_path / "new.safetensors"
    weights.write_bytes(trained(pictures, tmp_path))
    pipeline.load_lora_weights(str(weights))  # type: ignore[attr-defined]
    # then fresh captions give that shape.
    assert read_as_asked() >= LEAST
