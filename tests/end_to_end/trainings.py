"""What tests of trainings share: farms with one pool for them, and `farm train` as people type it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from farm.demo.captions import caption
from farm.demo.random_source import dice
from farm.demo.scenes import draw_picture, random_scene
from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings

PICTURE_POOL = "sana-demo-local"
ONLY_PICTURES = f"""pools:
  wan-demo-local: {{workers: 0, scaling: null}}
  sprint-demo-local: {{workers: 0, scaling: null}}
  {PICTURE_POOL}: {{scaling: {{minimum: 1, maximum: 1}}}}
"""
#: Long enough on any machine to be caught in the middle.
ASKED: dict[str, Any] = {
    "seed": 5,
    "rank": 4,
    "learning_rate": 1e-3,
    "max_train_steps": 60,
    "train_batch_size": 2,
    "validation_steps": 30,
    "validation_inference_steps": 4,
    "width": 64,
    "height": 64,
}


def settings_with(folder: Path, catalog: str) -> Settings:
    """Those of a quick farm that has these pools."""
    settings = quick_settings(folder)
    settings.catalog[0].write_text(catalog)
    return settings


def draw_captioned_pictures(folder: Path) -> None:
    """Four pictures, each with its caption beside it."""
    chance = dice("trainings")
    for number in range(4):
        scene = random_scene(chance)
        draw_picture(scene, 128, 128, chance).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(caption(scene))


def captions_of(folder: Path) -> dict[Path, str]:
    """The pictures of a folder as the client takes them."""
    return {path: path.with_suffix(".txt").read_text() for path in sorted(folder.glob("*.png"))}


def train(farm: RunningFarm, model: str, folder: Path, *options: str) -> dict[str, Any]:
    """`farm train MODEL FOLDER --json …`: what it prints."""
    ran = subprocess.run(
        [*farm.command, "train", model, str(folder), "--json", *options],
        env=farm.user_environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def as_options(asked: dict[str, Any]) -> Sequence[str]:
    """`--name=value` of each."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in asked.items()]
