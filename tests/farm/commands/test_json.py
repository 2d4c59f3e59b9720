"""Every command that answers something has `--json`: one line of JSON on stdout, and errors as problem documents."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from farm.cli import LazyCommand, build_app
from farm.client import DownloadIncomplete, FarmUnreachable, NoAddress, WaitTimeout
from farm.console.error_output import exit_code_of
from tests.farm.scripted_farm import KEY, Said, a_job, scripted_farm

#: Commands that run until they are told to stop, and answer nothing.
PROCESSES = {"farm scheduler", "farm dashboard", "farm worker", "farm scorer", "farm mcp", "farm horde", "farm top"}
#: Commands whose answer is a picture for people; the same as data is `farm job --json`.
FOR_EYES = {"farm show"}
JOB = "0198aaaa-0000-7000-8000-00000000000a"
RENDER = "0198aaaa-0000-7000-8000-00000000000b"


def leaves(command: Any, path: str = "farm") -> Iterator[tuple[str, Any]]:
    """Each command with its path; a group that does something by itself is a command, too."""
    command = command.load() if isinstance(command, LazyCommand) else command
    groups = getattr(command, "commands", {})
    if not groups or (path != "farm" and command.invoke_without_command):
        yield path, command
    for name, below in groups.items():
        yield from leaves(below, f"{path} {name}")


def test_every_command_that_answers_has_the_option() -> None:
    without = {
        path
        for path, command in leaves(typer.main.get_command(build_app()))
        if not any("--json" in option.opts for option in command.params)
    }
    assert without - PROCESSES - FOR_EYES == set()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Result]]:
    """The command against a farm with one job."""
    with scripted_farm() as farm:
        job = Said(a_job(JOB))
        farm.on(f"GET /api/v1/jobs/{JOB}", job)
        for command in ("cancel", "pause", "resume", "class", "order", "model"):
            farm.on(f"POST /api/v1/jobs/{JOB}/{command}", job)
        farm.on(f"GET /api/v1/jobs/{JOB}/renders", Said({"items": [], "next_cursor": None}))
        farm.on("POST /api/v1/cancellations", Said({"jobs": 1, "renders": 2, "dry_run": True}))
        farm.on("POST /api/v1/pools/p/pause", Said({"kind": "pool", "name": "p", "paused": True}))
        scaling = {"desired": 1, "minimum": 0, "maximum": 4, "set_minimum": None, "set_maximum": 4}
        farm.on("PATCH /api/v1/pools/p", Said({"name": "p", "scaling": scaling}))
        drained = {"id": RENDER, "pool": "p", "status": "idle", "draining": True}
        farm.on(f"POST /api/v1/workers/{RENDER}/drain", Said({"items": [drained]}))
        farm.on("POST /api/v1/dead-letters/retry", Said({"renders": 1, "jobs": 1, "paused_jobs": []}))
        environment = {"FARM_URL": farm.url, "FARM_KEY": KEY, "FARM_DATA_DIR": str(tmp_path)}

        def command(*arguments: str) -> Result:
            return CliRunner().invoke(build_app(), list(arguments), env=environment)

        yield command


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (["cancel", JOB], [{"id": JOB}]),
        (["cancel", "--model", "sana-demo", "--dry-run"], {"jobs": 1, "renders": 2, "dry_run": True}),
        (["cancel", "--status", "held", "--status", "drafted"], {"renders": 2}),
        (["pause", "job", JOB], [{"id": JOB}]),
        (["reorder", JOB, "--front"], [{"id": JOB}]),
        (["reclass", JOB, "bulk"], [{"id": JOB}]),
        (["pause", "pool", "p"], {"kind": "pool", "name": "p", "paused": True}),
        (["pools", "scale", "p", "--maximum", "4"], {"name": "p"}),
        (["workers", "drain", RENDER], {"id": RENDER, "draining": True}),
        (["dead-letters", "--retry"], {"renders": 1, "jobs": 1}),
        (["drafts", JOB], []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and isinstance((value or [0])[0], str) else "",
)
def test_what_steers_a_farm_answers_as_one_line(run: Callable[..., Result], arguments: list[str], shape: Any) -> None:
    told = run(*arguments, "--json")
    assert (told.exit_code, told.stderr, told.stdout.count("\n")) == (0, "", 1)
    found = json.loads(told.stdout)
    for one, wanted in zip(found, shape, strict=True) if isinstance(shape, list) else [(found, shape)]:
        assert one.items() >= wanted.items()


def test_of_several_jobs_each_that_is_refused_has_its_document(run: Callable[..., Result]) -> None:
    told = run("cancel", JOB, RENDER, "--json")
    document = json.loads(told.stderr)
    assert told.exit_code == 2
    assert [job["id"] for job in json.loads(told.stdout)] == [JOB]
    assert document.items() >= {"about": RENDER, "status": 404, "title": "Not found", "exit_code": 2}.items()


def test_exit_codes_are_those_of_the_page() -> None:
    unanswered = CliRunner().invoke(
        build_app(), ["jobs", "--json"], env={"FARM_URL": "http://127.0.0.1:9", "FARM_KEY": KEY}
    )
    assert unanswered.exit_code == 3
    last = json.loads(unanswered.stderr.splitlines()[-1])
    assert last.items() >= {"type": "/problems/farm-unreachable", "exit_code": 3}.items()
    codes = {error: exit_code_of(error()) for error in (FarmUnreachable, NoAddress, DownloadIncomplete, WaitTimeout)}
    assert [int(code) for code in codes.values()] == [3, 2, 1, 1]


def test_what_is_of_this_node_answers_as_one_line(tmp_path: Path) -> None:
    environment = {"FARM_DATA_DIR": str(tmp_path), "FARM_DATABASE_URL": f"sqlite:///{tmp_path}/farm.sqlite3"}

    def answer(*arguments: str) -> Any:
        told = CliRunner().invoke(build_app(), [*arguments, "--json"], env=environment)
        assert told.exit_code == 0, told.stderr
        return json.loads(told.stdout)

    revision = answer("db", "upgrade")["revision"]
    assert answer("db", "current") == {"revision": revision}
    assert answer("config", "check")["ok"] is True
    project = answer("projects", "create", "studio", "--weight", "2")
    assert project in answer("projects", "list")
    assert answer("project", "set", "studio", "--max-pending", "7")["changed"] == {"max_pending": 7}
    assert answer("project", "show", "studio").items() >= {"name": "studio", "weight": 2.0, "max_pending": 7}.items()
    key = answer("keys", "create", "mine", "--project", "studio")
    assert key["secret"].startswith("lf_")
    [listed] = answer("keys", "list")
    assert (listed["id"], "secret" in listed) == (key["id"], False)
    assert answer("keys", "revoke", key["id"]) == {"id": key["id"], "revoked": True}
    assert answer("users", "create", "ada", "--project", "studio", "--role", "operator")["role"] == "operator"
    assert answer("users", "list")[0]["name"] == "ada"
    assert "/sign-in/" in answer("users", "link", "ada")["link"]
    assert answer("users", "sign-out", "ada") == {"name": "ada", "sessions_ended": 0}


def test_a_simulation_answers_as_one_line(tmp_path: Path) -> None:
    arguments = ["simulate", "--rate", "1", "--hours", "0.005", "--policy", "ours,fifo", "--json"]
    told = CliRunner().invoke(build_app(), arguments, env={"FARM_DATA_DIR": str(tmp_path)})
    assert told.exit_code == 0, told.stderr
    assert [result["policy"] for result in json.loads(told.stdout)["results"]] == ["ours", "fifo"]
