"""Results as pictures, as they arrive, and awaited."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.client import AsyncFarmClient, FarmClient, FarmProblem, NotRendered
from farm.lifecycle import Outcome
from tests.farm.dashboards import DashboardFarm
from tests.waiting import eventually


@contextmanager
def a_worker(dashboard: DashboardFarm, *outcomes: Outcome) -> Iterator[None]:
    """Does a render at a time, with these outcomes."""

    def work() -> None:
        for outcome in outcomes:
            dashboard.finish(eventually(lambda: dashboard.take(1)), outcome)

    worker = threading.Thread(target=work)
    worker.start()
    yield
    worker.join()


def test_a_prompt_becomes_a_picture_that_notebooks_show(dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, dashboard.key) as farm, a_worker(dashboard, Outcome.DONE):
        picture = farm.render("sana-demo", "a red circle", seed=1)
    assert picture.size == (128, 128)
    assert picture._repr_png_()


def test_a_render_that_fails_says_why(dashboard: DashboardFarm) -> None:
    with (
        FarmClient(dashboard.url, dashboard.key) as farm,
        a_worker(dashboard, Outcome.FAILED),
        pytest.raises(NotRendered, match="it is failed: the paint ran out"),
    ):
        farm.render("sana-demo", "a red circle", seed=1)


def test_renders_come_as_they_end(dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, dashboard.key) as farm:
        arrivals = farm.as_completed(farm.submit("sana-demo", "a red circle", seed_count=3).id)
        for outcome in (Outcome.DONE, Outcome.FAILED, Outcome.DONE):
            [taken] = dashboard.take(1)
            dashboard.finish([taken], outcome)
            render = next(arrivals)
            assert (render.id, render.status) == (taken.id, outcome.value)
        assert list(arrivals) == []


def test_all_of_it_can_be_awaited(dashboard: DashboardFarm, tmp_path: Path) -> None:
    async def several_at_once() -> None:
        async with AsyncFarmClient(dashboard.url, dashboard.key) as farm:
            job, (width, _) = await asyncio.gather(
                farm.submit("sana-demo", "a blue circle", seed=1), a_picture_of(farm)
            )
            assert width == 128
            assert (await farm.wait(job.id)).status == "done"
            assert [found.id async for found in farm.jobs()].count(job.id) == 1
            [render] = [render async for render in farm.as_completed(job.id)]
            assert (await farm.picture_of(render.id)).width == 128
            [path] = await farm.download(job.id, tmp_path, names="{prompt}.{ext}")
            assert path.name == "a_blue_circle.png"
            with pytest.raises(FarmProblem):
                await farm.job("none")
            never = await farm.submit("sana-demo", "a green circle", seed=1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await farm.wait(never.id)

    async def a_picture_of(farm: AsyncFarmClient) -> tuple[int, int]:
        return (await farm.render("sana-demo", "a red circle", seed=1)).size

    with a_worker(dashboard, Outcome.DONE, Outcome.DONE):
        asyncio.run(several_at_once())


def test_the_awaited_client_has_every_method_of_the_other() -> None:
    methods = {name for name, _ in inspect.getmembers(FarmClient, inspect.isfunction) if not name.startswith("_")}
    assert methods - set(dir(AsyncFarmClient)) == set()
