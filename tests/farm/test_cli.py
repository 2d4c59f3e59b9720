"""The command `farm`: started as people start it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from farm.cli import LazyCommand, build_app
from farm.command_table import Command
from farm.commands.operator.config import MASK, register
from farm.errors import CommandNotInstalled, NotFound


def farm(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with no settings but `variables`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FARM_")}
    return subprocess.run(
        [sys.executable, "-m", "farm.cli", *arguments],
        env=clean | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_says_its_version() -> None:
    done = farm("--version")
    assert (done.returncode, done.stdout) == (0, f"farm {version('latent-farm')}\n")


def test_help_lists_the_commands_of_every_package() -> None:
    done = farm("--help")
    assert done.returncode == 0
    for command in ("config", "db", "up", "submit", "worker", "scheduler", "dashboard"):
        assert f" {command} " in done.stdout


def test_every_command_is_listed_with_its_own_words_and_in_the_module_that_adds_it() -> None:
    listed: Any = typer.main.get_command(build_app())
    for name, command in listed.commands.items():
        whole = command.load()
        assert command.help == whole.help.partition("\n\n")[0].replace("\n", " "), name


def test_a_command_that_is_not_installed_here_says_what_it_lacks_and_what_brings_it() -> None:
    command = LazyCommand("worker", Command("farm.no_such_module", "Serve one pool."))
    with pytest.raises(CommandNotInstalled, match=r"`farm worker` needs what is not installed.*pip install"):
        command.load()


@pytest.mark.parametrize(
    ("arguments", "missing", "brings"),
    [
        (["dashboard"], "gevent", "latent-farm[dashboard]"),
        (["worker", "--pool", "sana-demo-local"], "imageio_ffmpeg", "latent-farm[worker]"),
        (["plan", "sana-1600m-1024px", "--gpus", "24GB"], "torch", "latent-farm[worker]"),
    ],
)
def test_a_command_whose_packages_are_not_installed_ends_in_words(
    arguments: list[str], missing: str, brings: str, tmp_path: Path
) -> None:
    program = (
        "import importlib.util, sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "found = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *more: None if name == {missing!r} else found(name, *more)\n"
        f"sys.argv = ['farm', *{arguments!r}]\n"
        "from farm.cli import main\n"
        "main()"
    )
    environment = os.environ | {"FARM_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert (done.returncode, "Traceback" in done.stderr, brings in done.stderr) == (2, False, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"pydantic", "httpx", "sqlalchemy", "redis", "boto3", "omegaconf", "numpy"}),
        (["jobs", "--help"], {"sqlalchemy", "redis", "boto3", "omegaconf", "numpy", "torch"}),
        (["worker", "--help"], {"torch", "flask"}),
        (["scheduler", "--help"], {"torch", "flask"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], unwanted: set[str]) -> None:
    program = (
        f"import sys; sys.argv = ['farm', *{arguments!r}]\n"
        "from farm.cli import main\n"
        "try: main()\n"
        "except SystemExit: print('\\nloaded:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert not unwanted & set(done.stdout.partition("loaded:")[2].split())


def test_help_takes_no_more_memory_than_that_of_celery() -> None:
    peaks = {}
    for name in ("farm", "celery"):
        command = [sys.executable, str(Path(sys.executable).with_name(name)), "--help"]
        program = (
            f"import resource, subprocess; subprocess.run({command!r}, stdout=subprocess.DEVNULL, check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
        peaks[name] = int(told.stdout)
    assert peaks["farm"] <= 1.3 * peaks["celery"]


def test_what_is_typed_is_completed_without_importing_all_commands() -> None:
    variables = {"_FARM_COMPLETE": "complete_bash", "COMP_WORDS": "farm pause po", "COMP_CWORD": "2"}
    done = subprocess.run(
        [Path(sys.executable).with_name("farm")],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == ["pool"]


def test_a_fault_is_a_clean_message_on_stderr_and_exit_code_2() -> None:
    done = farm("config", "check", FARM_LEASE_SECONDS="soon", FARM_DATABASE_URL="mysql://farm:tiger@db/x")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "The settings are not right; correct what is listed and start again.",
        "  environment variable FARM_DATABASE_URL: database_url: must begin with one of sqlite://, postgresql://, "
        "postgresql+psycopg://; seen 'mysql'",
        "  environment variable FARM_LEASE_SECONDS: lease_seconds: must be a valid number, unable to parse string "
        "as a number; seen 'soon'",
    ]


def test_a_command_that_does_not_exist_is_no_traceback() -> None:
    done = farm("rendr")
    assert done.returncode == 2
    assert "No such command" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`farm config …` in this process, with no settings but those given."""
    for name in [name for name in os.environ if name.startswith("FARM_")]:
        monkeypatch.delenv(name)
    app = typer.Typer()
    register(app)

    @app.callback()
    def only_a_group() -> None: ...

    def run(*arguments: str, **variables: str) -> Result:
        return CliRunner().invoke(app, ["config", *arguments], env=variables)

    return run


def test_config_check_says_what_is_there(config: Callable[..., Result]) -> None:
    done = config("check", FARM_ENVIRONMENT="production")
    assert done.exit_code == 0
    assert "Settings and catalog are right" in done.stdout
    assert "environment production" in done.stdout


def test_config_show_masks_secrets_and_says_where_each_value_came_from(
    config: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "farm.yaml"
    file.write_text("lease_seconds: 45\nsecret_key: tiger\npublic_url: https://ada:tiger@farm.example\n")
    done = config("show", "settings", "--config", str(file), FARM_MAX_FAILURES="5")
    assert done.exit_code == 0
    assert "tiger" not in done.stdout
    lines = done.stdout.splitlines()
    assert f"settings.lease_seconds: 45.0  # {file}:1" in lines
    assert f'settings.secret_key: "{MASK}"  # {file}:2' in lines
    assert f'settings.public_url: "https://{MASK}@farm.example"  # {file}:3' in lines
    assert "settings.max_failures: 5  # environment variable FARM_MAX_FAILURES" in lines
    assert "settings.redis_url: null  # default" in lines


def test_config_show_prints_a_part_as_json(config: Callable[..., Result]) -> None:
    variable = "FARM_CATALOG__MODELS__SANA_DEMO__DEFAULTS__GUIDANCE_SCALE"
    done = config("show", "models.sana-demo", "--json", **{variable: "5.5"})
    shown = json.loads(done.stdout)
    assert all(path.startswith("models.sana-demo.") for path in shown)
    assert shown["models.sana-demo.defaults.guidance_scale"] == {
        "value": 5.5,
        "origin": f"environment variable {variable}",
    }
    assert shown["models.sana-demo.limits.guidance"]["origin"].endswith("(through 'picture')")


def test_config_show_of_an_unknown_part_names_the_nearest(config: Callable[..., Result]) -> None:
    done = config("show", "models.sana-dmo")
    assert isinstance(done.exception, NotFound)
    assert "nothing is called 'models.sana-dmo'; did you mean 'models.sana-demo'?" in str(done.exception)


def test_a_node_without_the_extras_still_has_the_command(tmp_path: Path) -> None:
    # Packages of these names that cannot be imported, before the real ones.
    for missing in ("torch", "flask", "gevent", "diffusers"):
        (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('No module named {missing}')")
    done = farm("config", "show", "settings.lease_seconds", PYTHONPATH=str(tmp_path))
    assert done.stdout == "settings.lease_seconds: 30.0  # default\n"
