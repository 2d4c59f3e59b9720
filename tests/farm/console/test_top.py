"""`farm top` against the real dashboard: what it shows, and that it follows."""

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static
from typer.testing import CliRunner

from farm.cli import build_app
from farm.client import FarmClient
from farm.console.top.top_screen import TopScreen
from tests.farm.dashboards import POOL, DashboardFarm


def cells(screen: TopScreen, name: str) -> list[list[str]]:
    """What a table shows, row by row."""
    table = screen.query_one(f"#{name}", DataTable)
    return [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]


def status(screen: TopScreen) -> str:
    return str(screen.query_one("#status", Static).render())


async def until(pilot: Pilot[None], fact: Callable[[], object]) -> None:
    """Lets the screen work until this is so."""
    async with asyncio.timeout(60):
        while not fact():
            await pilot.pause(0.05)


def test_it_follows_a_job_from_the_queue_to_its_end(dashboard: DashboardFarm) -> None:
    async def watch(farm: FarmClient) -> None:
        screen = TopScreen(farm, seconds=3600)  # what changes is told by the stream alone
        async with screen.run_test(size=(160, 40)) as pilot:
            await until(pilot, lambda: cells(screen, "pools"))
            assert POOL in [row[0] for row in cells(screen, "pools")]
            assert dashboard.worker_id in [row[0] for row in cells(screen, "workers")]

            job = await asyncio.to_thread(farm.submit, "sana-demo", "a red circle", seed_count=2, title="two [red]")
            await until(pilot, lambda: cells(screen, "queue"))
            [row] = cells(screen, "queue")
            assert (row[0], row[4], row[9]) == (job.id, "░░░░░░░░░░░░ 0/2", "two [red]")
            await until(pilot, lambda: "0 renders run and 2 wait in 1 jobs" in status(screen))

            taken = await asyncio.to_thread(dashboard.take)
            await asyncio.to_thread(dashboard.step, taken, 7)
            await pilot.press("r")
            await until(pilot, lambda: cells(screen, "queue")[0][7] == "stepping 7/20")

            await asyncio.to_thread(dashboard.finish, taken)
            await until(pilot, lambda: not cells(screen, "queue"))
            await pilot.press("q")

    with FarmClient(dashboard.url, dashboard.key) as farm:
        asyncio.run(watch(farm))


def test_while_the_farm_does_not_answer_it_says_so_and_goes_on() -> None:
    async def watch(farm: FarmClient) -> None:
        screen = TopScreen(farm, seconds=3600)
        async with screen.run_test() as pilot:
            await until(pilot, lambda: "does not answer" in status(screen))

    with FarmClient("http://127.0.0.1:9", "lf_none", retry_seconds=0.1) as farm:
        asyncio.run(watch(farm))


@pytest.mark.parametrize("arguments", [["top"], ["top", "--seconds", "1"]])
def test_in_a_pipe_it_says_what_to_do(arguments: list[str]) -> None:
    told = CliRunner().invoke(build_app(), arguments)
    assert told.exit_code == 2
    assert "farm workers" in told.stderr
