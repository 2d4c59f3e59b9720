"""Adapters in the catalog: named like models, checked like models."""

from pathlib import Path

import pytest

from tests.farm.catalog.test_catalog import faults_of, load

SHA256 = "9f" * 32
SKETCH = f"""
adapters:
  sketch:
    title: Pencil sketch
    models: [sana-demo]
    source: {{path: /srv/loras/sketch.safetensors, sha256: "{SHA256}"}}
    weight: 0.8
"""


def test_an_adapter_is_offered_with_the_models_it_was_trained_for(tmp_path: Path) -> None:
    catalog = load(tmp_path, SKETCH)
    assert catalog.model("sana-demo").adapters["sketch"].weight == 0.8
    assert not catalog.model("wan-demo").adapters
    assert not load(tmp_path).model("sana-demo").adapters


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("models: [sana-dem]", "unknown model 'sana-dem'; did you mean 'sana-demo'"),
        (f"source: {{path: /srv/sketch.bin, sha256: '{SHA256}'}}", "only .safetensors files are loaded"),
        ("source: {path: /srv/sketch.safetensors}", "is missing"),
        (
            f"source: {{repo: someone/sketch, sha256: '{SHA256}'}}",
            "a repository needs a 'revision' (best a commit hash) and the 'file' in it",
        ),
        ("weight: 40", "less than or equal to 4"),
        ("strength: 1", "unknown key"),
    ],
)
def test_a_wrong_adapter_is_named_with_its_line(tmp_path: Path, change: str, said: str) -> None:
    key = change.partition(":")[0]
    lines = [line for line in SKETCH.splitlines() if not line.strip().startswith(f"{key}:")]
    (fault,) = faults_of(tmp_path, "\n".join([*lines, f"    {change}", ""]))
    assert said in fault
    assert "own.yaml:" in fault
    assert "adapters.sketch" in fault
