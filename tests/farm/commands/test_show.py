"""Pictures in the terminal, as each kind of terminal draws them."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from farm.cli import build_app
from tests.farm.scripted_farm import KEY, Said, a_render, done_job, file_of, scripted_farm


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of the user of a farm whose one job has a red picture."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (255, 0, 0)).save(file, "PNG")
    with scripted_farm() as farm:
        render = a_render("/picture", file.getvalue(), render_id="r1", parameters={"seed": 7, "prompt": "red\x1b[2J"})
        farm.on("GET /api/v1/jobs", Said({"items": [done_job()], "next_cursor": None}))
        farm.on("GET /api/v1/jobs/j1", Said(done_job()))
        farm.on("GET /api/v1/jobs/j1/renders", Said({"items": [render], "next_cursor": None}))
        farm.on("GET /api/v1/renders/r1", Said(render))
        farm.on("GET /picture", file_of(file.getvalue()))
        yield {**os.environ, "FARM_URL": farm.url, "FARM_KEY": KEY, "FARM_DATA_DIR": str(tmp_path), "TERM": "xterm"}


@pytest.fixture
def show(environment: dict[str, str]) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(build_app(), ["show", *arguments], env=environment)


def in_a_terminal(environment: dict[str, str], columns: int) -> tuple[int, str]:
    """The exit code of `farm show` in a terminal that answers no questions, and what is seen there."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    command = [sys.executable, "-m", "farm", "show", "--width", "8"]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # how Linux tells the end of a terminal
        pass
    os.close(ours)
    return process.wait(), seen.decode()


@pytest.mark.filterwarnings("ignore:.*getdata is deprecated")  # textual-image 0.12 with Pillow 13
@pytest.mark.parametrize(
    ("graphics", "drawn"),
    [
        ("blocks", "\x1b[38;2;255;0;0;48;2;255;0;0m▀"),
        ("sixel", '\x1bP0;0;0q"1;1;80;80'),
        ("kitty", "\U0010eeee"),  # stands where the picture is, which goes to the terminal itself
    ],
)
def test_a_picture_is_drawn_under_its_words(show: Callable[..., Result], graphics: str, drawn: str) -> None:
    told = show("last", "--graphics", graphics, "--width", "8")
    assert told.exit_code == 0, told.stderr
    assert drawn in told.stdout
    assert "0  seed 7  red\N{REPLACEMENT CHARACTER}[2J" in told.stdout
    assert drawn in show("r1", "--graphics", graphics, "--width", "8").stdout


def test_in_a_pipe_it_says_what_to_do(show: Callable[..., Result]) -> None:
    told = show()
    assert told.exit_code == 2
    assert "farm download" in told.stderr


def test_a_terminal_that_does_not_say_what_it_can_gets_half_blocks(environment: dict[str, str]) -> None:
    code, seen = in_a_terminal(environment, columns=80)
    assert code == 0, seen
    assert "▀" in seen


def test_a_terminal_without_a_size_is_told_how_to_get_one(environment: dict[str, str]) -> None:
    code, seen = in_a_terminal(environment, columns=0)
    assert code == 2
    assert "stty cols 80 rows 24" in seen
