"""What a finished render teaches."""

import pytest

from scheduler.claims.claim_batch import ClaimedRender
from workers.agent.leased_renders import LeasedRender
from workers.agent.measurements import observe
from workers.protocol import Rendered, StepTrace


def rendered(*rows: tuple[int, int]) -> Rendered:
    """By pass, how many rows it had and how many of them were guided."""
    return Rendered(
        render_id="r1",
        attempt=1,
        pixels_path="",
        gpu_seconds=0.5,
        trace=[StepTrace(1.0, 0.5, size, 0, guided) for size, guided in rows],
        decode_batch_size=1,
        decode_row=0,
        pass_seconds=0.25,
        seconds={"encode": 0.1, "steps": 0.3, "decode": 0.05},
    )


@pytest.fixture
def leased() -> LeasedRender:
    parameters = {"guidance_scale": 4.5}
    render = ClaimedRender("r1", "j1", "p1", 0, 1, "lane", "key", 64, 32, 1, parameters, 1.0, 0)
    return LeasedRender(render, "b1", claimed_at=1000.0)


def test_an_observation_says_shape_times_and_batch_size(leased: LeasedRender) -> None:
    seen = observe(rendered((4, 4), (4, 4)), leased, device="cpu", now=1002.5)
    assert (seen.device, seen.width, seen.height, seen.frames) == ("cpu", 64, 32, 1)
    assert (seen.forwards, seen.guided, seen.batch_size, seen.steady) == (2, True, 4, True)
    assert (seen.encode_seconds, seen.pass_seconds, seen.decode_seconds) == (0.1, 0.25, 0.05)
    assert (seen.gpu_seconds, seen.wall_seconds) == (0.5, 2.5)


@pytest.mark.parametrize("rows", [[(4, 4), (3, 3)], [(4, 2), (4, 2)], [(2, 2), (2, 0)]])
def test_passes_of_different_batch_sizes_are_not_steady(leased: LeasedRender, rows: list[tuple[int, int]]) -> None:
    assert not observe(rendered(*rows), leased, device="cpu", now=1001.0).steady
