"""A new user with only the README: the commands as it prints them take a table of prompts to named files."""

import csv
import re
import shlex
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from farm.cli import build_app
from tests.farm.dashboards import DashboardFarm

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def commands(after: str) -> list[list[str]]:
    """The arguments of the first block of commands behind these words."""
    block = re.search(r"\n\n((?:    .*\n)+)", README.partition(after)[2])
    assert block
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


@pytest.mark.parametrize("rows", [20, pytest.param(500, marks=pytest.mark.long)])
def test_a_table_of_prompts_is_three_commands(
    rows: int, dashboard: DashboardFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a table as a spreadsheet writes it, and a farm that works
    monkeypatch.chdir(tmp_path)
    with Path("prompts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["prompt", "seed"], *([f"a red circle, no. {row}", row] for row in range(rows))])
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            dashboard.work()

    worker = threading.Thread(target=work)
    worker.start()
    environment = {"FARM_URL": dashboard.url, "FARM_KEY": dashboard.key, "FARM_DATA_DIR": str(tmp_path)}

    # When the commands are typed as they are printed
    ends: list[Result] = []
    try:
        for program, *arguments in commands("Five hundred prompts in a table"):
            assert program == "farm"
            ends.append(CliRunner().invoke(build_app(), arguments, env=environment))
    finally:
        over.set()
        worker.join()

    # Then there are three of them, and every picture has its prompt and seed in its name
    assert [end.exit_code for end in ends] == [0, 0, 0], [end.stderr for end in ends]
    names = sorted(path.name for path in Path("pictures").iterdir())
    assert names == [f"{row:04d}-a_red_circle,_no._{row}-{row}.png" for row in range(rows)]
    assert f"{rows} of {rows} done" in ends[1].stderr
