"""docs/client.md: its examples run, its commands parse, and it leaves nothing out."""

import inspect
import re
import shlex
import threading
from pathlib import Path
from typing import Any

import pytest
import typer

from farm import client
from farm.cli import build_app
from farm.client import FarmClient
from farm.console.session import ExitCode
from tests.farm.dashboards import DashboardFarm

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("farm ") and "&&" not in line
]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_python_example_runs(
    number: int, dashboard: DashboardFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_URL", dashboard.url)
    monkeypatch.setenv("FARM_KEY", dashboard.key)
    monkeypatch.chdir(tmp_path)
    if ".jobs()" in EXAMPLES[number]:
        with FarmClient() as farm:
            farm.submit("sana-demo", "a red circle", seed=1)
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.02):
            dashboard.work()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        exec(compile(EXAMPLES[number], f"docs/client.md, example {number}", "exec"), {})
    finally:
        over.set()
        worker.join()
    if "download" in EXAMPLES[number]:
        assert len(list((tmp_path / "pictures").glob("*.png"))) == 4


def test_every_command_line_parses() -> None:
    command: Any = typer.main.get_command(build_app())
    assert len(COMMANDS) > 8
    for line in COMMANDS:
        _, verb, *arguments = shlex.split(line.partition(" <")[0])
        with command.commands[verb].make_context(verb, arguments) as context:  # raises on wrong usage
            assert context.params


def test_every_public_method_error_and_exit_code_is_described() -> None:
    methods = [name for name, _ in inspect.getmembers(FarmClient, inspect.isfunction) if not name.startswith("_")]
    public = {name: getattr(client, name) for name in client.__all__}
    errors = [name for name, kind in public.items() if isinstance(kind, type) and issubclass(kind, Exception)]
    missing = [name for name in methods if name != "close" and f"`{name}(" not in PAGE]
    missing += [name for name in errors if f"| `{name}` |" not in PAGE]
    missing += [code.name for code in ExitCode if f"| {code.value} |" not in PAGE]
    assert missing == []
