"""Batch curves in the API and on the page of workers."""

import pytest
from sqlalchemy import insert

from dashboard.schemas import BatchCurve, CurvePoint
from dashboard.web.farm.batch_curve_drawing import draw, rounded
from farm.database import write
from farm.tables import BatchCurve as Row
from tests.dashboard.conftest import House

POOL, LANE = "sana-demo-local", "sana-demo@fp32"


def learn(house: House, width: int = 64, device: str = "cpu", **seconds: float) -> None:
    key = {"lane": LANE, "device": device, "width": width, "height": 64, "frames": 1, "updated_at": 1_800_000_000.0}
    rows = [key | {"batch_size": int(size[1:]), "pass_seconds": value, "samples": 9} for size, value in seconds.items()]
    with write(house.connections.engine) as connection:
        connection.execute(insert(Row), rows)


def test_a_pool_says_what_batches_bring(house: House) -> None:
    learn(house, s1=0.01, s2=0.011, s4=0.014, s8=0.04)
    learn(house, width=128, device="NVIDIA H100", s1=0.02)
    answer = house.get(f"/api/v1/pools/{POOL}/curves")
    assert answer.status_code == 200
    first, second = answer.json["items"]
    assert (second["device"], second["width"]) == ("cpu", 64)
    assert (first["device"], first["width"], first["batch_size"]) == ("NVIDIA H100", 128, 2)
    assert second["batch_size"] == 4
    assert [point["batch_size"] for point in second["points"]] == [1, 2, 4, 8]
    assert second["points"][2]["renders_per_second"] == pytest.approx(4 / 0.014 / second["steps"])


def test_a_pool_that_does_not_exist_is_not_found(house: House) -> None:
    answer = house.get("/api/v1/pools/nowhere/curves")
    assert answer.status_code == 404


def test_the_page_of_workers_draws_them_and_says_them_in_words(house: House) -> None:
    learn(house, s1=0.01, s2=0.011, s4=0.014, s8=0.04)
    page = house.get("/workers").get_data(as_text=True)
    assert "What batches bring" in page
    assert "Batches of 4 are taken." in page
    assert "<polyline" in page


def test_a_curve_is_drawn_from_zero_and_each_doubling_is_as_wide_as_the_last() -> None:
    points = [
        CurvePoint(batch_size=size, pass_seconds=1.0, renders_per_second=size / 10, samples=9) for size in (1, 2, 3, 4)
    ]
    curve = BatchCurve(
        lane=LANE, device="cpu", width=64, height=64, frames=1, steps=1, batch_size=4, points=points, updated_at="now"
    )
    chart = draw(curve)
    assert [dot.labelled for dot in chart.dots] == [True, True, False, True]
    assert chart.dots[1].x - chart.dots[0].x == chart.dots[3].x - chart.dots[1].x
    assert (chart.dots[0].y, chart.dots[3].y) == (87.5, 26.0)
    assert chart.summary == (
        "Renders per second by batch size: 0.100 at 1, 0.200 at 2, 0.300 at 3, 0.400 at 4. Batches of 4 are taken."
    )


def test_one_point_is_a_curve_too() -> None:
    point = CurvePoint(batch_size=1, pass_seconds=1.0, renders_per_second=1.0, samples=1)
    curve = BatchCurve(
        lane=LANE, device="cpu", width=64, height=64, frames=1, steps=1, batch_size=2, points=[point], updated_at="now"
    )
    assert draw(curve).dots[0].labelled


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0.00"), (0.00123, "0.00123"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123")]
)
def test_rates_have_three_figures(rate: float, text: str) -> None:
    assert rounded(rate) == text
