"""What no JSON can say is refused in words, before it is sent."""

from pathlib import Path

import pytest
from PIL import Image

from farm.client import FarmClient
from farm.errors import InvalidRequest
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm"]  # fixtures


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("option", "field"),
    [("--guidance", "guidance_scale"), ("--not-before", "not_before"), ("--deadline", "deadline")],
)
def test_a_number_that_is_none_is_no_traceback(farm: Farm, option: str, field: str, number: str) -> None:
    told = farm("submit", "sana-demo", "a red circle", f"{option}={number}")
    assert told.exit_code == 2
    assert f"/{field}: must be a finite number; seen {number}" in told.stderr


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_neither_is_one_of_a_lora_or_of_a_training(farm: Farm, tmp_path: Path, number: str) -> None:
    told = farm("submit", "sana-demo", "a red circle", "--lora", f"sketch:{number}")
    assert (told.exit_code, "/loras: must be a finite number" in told.stderr) == (2, True)
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    (tmp_path / "1.txt").write_text("a cross")
    told = farm("train", "sana-demo", str(tmp_path), "--name", "cross", f"--learning-rate={number}")
    assert told.exit_code == 2
    assert f"/learning_rate: must be a finite number; seen {number}" in told.stderr


def test_the_client_says_which_number_is_none(dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, dashboard.key) as client:
        for send in (client.submit, client.quote):
            with pytest.raises(InvalidRequest, match="/guidance_scale: must be a finite number"):
                send("sana-demo", "a red circle", guidance_scale=[3.0, float("nan")])
