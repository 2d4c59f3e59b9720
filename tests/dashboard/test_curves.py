"""Batch curves in the API and on the page of workers."""

import re

import pytest
from sqlalchemy import insert

from dashboard.schemas import BatchCurve, CurvePoint
from dashboard.web.farm.batch_curve_drawing import draw, rounded
from farm.cpu_work import right_here
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
    assert 'class="chart"' in page


def curve(*sizes: int, taken: int) -> BatchCurve:
    points = [CurvePoint(batch_size=size, pass_seconds=1.0, renders_per_second=size / 10, samples=9) for size in sizes]
    return BatchCurve(
        lane=LANE, device="cpu", width=64, height=64, frames=1, steps=1, batch_size=taken, points=points,
        updated_at="now",
    )  # fmt: skip


def test_each_size_has_a_bar_and_the_one_that_is_taken_a_colour_of_its_own() -> None:
    [chart] = draw([curve(3, 1, 2, 4, taken=4)], right_here)
    taken, others = chart.picture.split('class="series ')[1:3]
    assert taken.startswith("colour-0")
    assert others.startswith("colour-1")
    heights = [[float(one) for one in re.findall(r'<rect[^>]* height="([\d.]+)"', part)] for part in (taken, others)]
    assert [[high for high in series if high > 0] for series in heights] == [
        [pytest.approx(max(heights[0]))],
        [pytest.approx(max(heights[0]) * size / 4, rel=0.01) for size in (1, 2, 3)],
    ]
    assert re.findall(r">(\d)</text>", chart.picture)[-3:] == ["1", "2", "4"], "powers of two have labels"
    assert 'aria-label="Renders per second by batch size: 0.100 at 1, 0.200 at 2, 0.300 at 3, 0.400 at 4.' in (
        chart.picture
    )


def test_one_point_is_a_curve_too_and_a_size_that_was_never_measured_is_tried_next() -> None:
    [chart] = draw([curve(1, taken=2)], right_here)
    assert chart.picture.count("<rect") >= 1
    assert not chart.measured


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0.00"), (0.00123, "0.00123"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123")]
)
def test_rates_have_three_figures(rate: float, text: str) -> None:
    assert rounded(rate) == text
