"""A render with an adapter is what the pipeline that has loaded it makes, and those around it know nothing of it."""

from pathlib import Path

import pytest

from tests.workers import tiny_pipelines
from tests.workers.families.adapted import adapter_equals_pipeline

QUICK = ("sana-video", "sprint", "wan-flf2v", "wan22-i2v")
FAMILIES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in tiny_pipelines.SAMPLERS]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_does_to_the_bit_what_the_pipeline_does_with_it(family: str, tmp_path: Path) -> None:
    adapter_equals_pipeline(family, tmp_path, "attn1")
