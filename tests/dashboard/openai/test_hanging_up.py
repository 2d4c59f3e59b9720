"""The real server sees that a caller has gone, in front of which no proxy stands."""

from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from tests.dashboard.conftest import House
from tests.dashboard.serving import served
from tests.waiting import eventually


@pytest.mark.long
def test_gunicorn_tells_that_somebody_has_hung_up(live_house: House, tmp_path: Path) -> None:
    house = live_house
    with served(house, tmp_path / "log") as (url, _), OpenAI(base_url=f"{url}/v1", api_key=house.ours.key) as client:
        hasty = client.with_options(
            timeout=httpx.Timeout(60, read=1.0), max_retries=0
        )  # all is sent before, however slow
        with pytest.raises(openai.APITimeoutError):
            hasty.images.generate(model="sana-demo", prompt="a red circle")
        client.images.generate(model="sana-demo", prompt="a red circle", stream=True).close()

        def statuses() -> list[str]:
            return [job["status"] for job in house.get("/api/v1/jobs").json["items"]]

        eventually(lambda: statuses() == ["cancelled", "cancelled"], timeout=60)
