"""`farm simulate`: what operators type, and the page that they get."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from farm.cli import build_app

FIFTEEN_SECONDS = ["--rate", "1", "--hours", "0.005"]


def simulate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(build_app(), ["simulate", *arguments])
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path))


class TestCommand:
    def test_compares_policies_and_writes_a_page_that_loads_nothing(self, tmp_path: Path) -> None:
        page = tmp_path / "report.html"
        code, told = simulate(*FIFTEEN_SECONDS, "--policy", "ours,fifo", "--report", str(page))
        assert code == 0, told
        assert "Clairvoyant bound" in told
        html = page.read_text(encoding="utf-8")
        assert html.count("<svg") == 4
        # Names of XML vocabularies are no addresses that a browser asks for.
        addresses = [found for found in re.findall(r"https?://[^\"' )]+", html) if "w3.org" not in found]
        assert not re.search(r"<(script|link|img|iframe|object)\b", html)
        assert not [found for found in addresses if f'"{found}' in html and "purl.org" not in found]

    def test_plans_capacity(self, tmp_path: Path) -> None:
        trace = tmp_path / "trace.csv"
        trace.write_text("at,renders\n0,30\n1,30\n", encoding="utf-8")
        code, told = simulate("--trace", str(trace), "--model", "sana-demo", "--slowness", "20", "--plan", "20")
        assert code == 0, told
        assert re.search(r"ours: \d+ workers are enough for 20 s", told)

    def test_scales_by_itself(self) -> None:
        code, told = simulate(*FIFTEEN_SECONDS, "--autoscale", "--workers", "0", "--policy", "ours,queue-length")
        assert code == 0, told

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--policy", "fif"], "fifo"),
            (["--model", "sana-dem"], "sana-demo"),
            (["--gain", "8=3"], "1=1"),
            (["--trace", "/nonexistent/trace.csv"], "cannot be read"),
            (["--workers", "0"], "--autoscale"),
        ],
    )
    def test_wrong_usage_is_told_in_words(self, arguments: list[str], said: str) -> None:
        code, told = simulate(*FIFTEEN_SECONDS, *arguments)
        assert code == 2
        assert said in told
