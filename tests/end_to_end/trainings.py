"""What tests of trainings share: farms with one pool for them, and `farm train` as people type it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings

PICTURE_POOL = "sana-demo-local"
ONLY_PICTURES = f"""pools:
  wan-demo-local: {{workers: 0, scaling: null}}
  sprint-demo-local: {{workers: 0, scaling: null}}
  {PICTURE_POOL}: {{scaling: {{minimum: 1, maximum: 1}}}}
"""


def settings_with(folder: Path, catalog: str) -> Settings:
    """Those of a quick farm that has these pools."""
    settings = quick_settings(folder)
    settings.catalog[0].write_text(catalog)
    return settings


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
