"""What a user of the command line can rely on: answers on stdout, remarks on stderr, exit codes."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from farm.cli import build_app
from farm.client import FarmClient
from farm.database import write
from farm.lifecycle import Outcome
from farm.tables import Pool
from tests.farm.commands.shell import Farm, command, environment, farm, worker
from tests.farm.dashboards import DashboardFarm
from tests.farm.scripted_farm import scripted_farm

__all__ = ["environment", "farm", "worker"]  # fixtures


class TestSubmit:
    def test_the_id_alone_is_the_answer_so_that_scripts_can_take_it(self, farm: Farm, dashboard: DashboardFarm) -> None:
        told = farm("submit", "sana-demo", "a red circle", "红色圆形", "--seeds", "3", "--title", "circles")

        assert told.exit_code == 0
        job_id = told.stdout.strip()
        assert f"{dashboard.url}/jobs/{job_id}" in told.stderr
        [job] = json.loads(farm("jobs", "--json").stdout)
        assert (job["id"], job["total"], job["title"]) == (job_id, 6, "circles")

    def test_every_option_reaches_the_farm(self, farm: Farm) -> None:
        told = farm(
            *("submit", "sana-demo", "a red circle", "--negative", "blue", "--seed", "1", "--seed", "2"),
            *("--width", "160", "--height", "128", "--steps", "8", "--guidance", "3.5", "--sampler", "euler"),
            *("--class", "bulk", "--json"),
        )

        assert told.exit_code == 0, told.stderr
        job = json.loads(told.stdout)
        request = {name: value for name, value in job["request"].items() if value is not None}
        assert (
            request.items()
            >= {
                "negative_prompt": "blue",
                "seeds": [1, 2],
                "width": 160,
                "height": 128,
                "num_inference_steps": 8,
                "guidance_scale": 3.5,
                "sampler": "euler",
            }.items()
        )
        assert job["class"] == "bulk"

    def test_prompts_come_from_stdin_one_a_line(self, farm: Farm) -> None:
        told = farm("submit", "sana-demo", "-", "--seed", "1", "--json", stdin="a red circle\n\n  一个圆\n")

        assert json.loads(told.stdout)["request"]["prompt"] == ["a red circle", "一个圆"]
        assert farm("submit", "sana-demo", "-", stdin="\n").exit_code == 2
        marked = farm("submit", "sana-demo", "-", "--json", stdin="\ufeffa red circle\r\n\ufeff\r\n")
        assert json.loads(marked.stdout)["request"]["prompt"] == "a red circle"

    def test_a_table_is_read_alike_as_rows_and_as_a_file_and_the_answer_counts_its_rows(
        self, farm: Farm, tmp_path: Path
    ) -> None:
        table = tmp_path / "plates.csv"
        table.write_bytes(b'\xef\xbb\xbfprompt;seed;;\r\na 12" square;7,0;;\r\n;;;\r\n"a\r\nstar";8;;\r\n')
        as_rows = farm("submit", "sana-demo", "{prompt}", "--rows", str(table))
        as_file = farm("submit", "--model", "sana-demo", "--file", str(table))
        told = farm("submit", "--model", "sana-demo", "--file", str(table), "--csv", "delimiter=::")

        assert "the table has 2 rows" in as_rows.stderr
        assert "2 renders of sana-demo submitted from 2 rows" in as_file.stderr
        assert (told.exit_code, "csv_dialect/delimiter" in told.stderr) == (2, True)

    def test_a_refused_row_says_how_to_go_on_and_so_does_why_and_the_corrected_file_goes_on(
        self, farm: Farm, dashboard: DashboardFarm, tmp_path: Path
    ) -> None:
        table = tmp_path / "plates.csv"
        table.write_text("prompt,width\na star,64\na circle,wide\na square,64\n")
        refused = farm("submit", "--model", "sana-demo", "--file", str(table), "--width", "128")
        assert refused.exit_code == 2
        said = " ".join(refused.stderr.split())
        found = re.search(r"^1 row is in, and job (\S+) waits for the others. Correct plates.csv from line 3 on", said)
        assert found, said
        job_id = found[1]
        assert f"farm submit --continue {job_id} --file {table}" in said
        dashboard.finish(dashboard.take())

        why = json.loads(farm("why", job_id, "--json").stdout)
        assert (why["kind"], why["facts"]["next_line"]) == ("admitting", 3)
        assert f"farm submit --continue {job_id} --file FILE" in why["sentence"]
        assert "after 24 hours" in why["sentence"]

        table.write_text("prompt,width\na star,64\na circle,64\na square,64\n")
        wrong = farm("submit", "--continue", job_id, "--file", str(table), "--model", "sana-demo")
        assert (wrong.exit_code, "--continue" in wrong.stderr) == (2, True)
        told = farm("submit", "--continue", job_id[-8:], "--file", str(table), "--json")
        assert told.exit_code == 0, told.stderr
        assert (json.loads(told.stdout)["id"], json.loads(told.stdout)["total"]) == (job_id, 3)

    def test_it_waits_and_brings_the_files(
        self, farm: Farm, worker: Callable[..., threading.Thread], tmp_path: Path
    ) -> None:
        thread = worker(Outcome.DONE)

        told = farm("submit", "sana-demo", "a red circle", "--seeds", "2", "--download", str(tmp_path / "out"))

        thread.join()
        assert told.exit_code == 0, told.stderr
        job_id, *paths = told.stdout.split()
        assert len(job_id) == 36
        assert [Path(path).suffix for path in paths] == [".png", ".png"]
        assert all(Path(path).is_file() for path in paths)
        assert "2 of 2 done" in told.stderr

    def test_a_failed_job_is_exit_code_1(self, farm: Farm, worker: Callable[..., threading.Thread]) -> None:
        thread = worker(Outcome.FAILED)

        told = farm("submit", "sana-demo", "a red circle", "--seed", "1", "--wait", "--json")

        thread.join()
        assert told.exit_code == 1
        assert json.loads(told.stdout)["status"] == "failed"
        job_id = json.loads(told.stdout)["id"]
        assert "the paint ran out" in farm("job", job_id).stdout

    def test_a_refusal_is_exit_code_2_and_lists_every_fault(self, farm: Farm) -> None:
        told = farm("submit", "sana-demo", "a red circle", "--steps", "0", "--sampler", "paint")

        assert told.exit_code == 2
        assert told.stdout == ""
        assert "/num_inference_steps" in told.stderr
        assert "/sampler" in told.stderr

    def test_an_unknown_model_is_told_with_its_nearest_name(self, farm: Farm) -> None:
        told = farm("submit", "sana-dmo", "a red circle")

        assert told.exit_code == 2
        assert "sana-demo" in told.stderr


class TestLooking:
    def test_jobs_are_lines_with_tabs_in_a_pipe(self, farm: Farm) -> None:
        first = farm("submit", "sana-demo", "tab\there", "--seed", "1").stdout.strip()
        second = farm("submit", "sana-demo", "a red circle", "--seed", "1").stdout.strip()

        lines = [line.split("\t") for line in farm("jobs").stdout.splitlines()]

        assert lines[0][:3] == ["job", "status", "renders"]
        assert [line[:3] for line in lines[1:]] == [[second, "open", "0/1"], [first, "open", "0/1"]]
        assert len({len(line) for line in lines}) == 1
        assert len(farm("jobs", "--limit", "1").stdout.splitlines()) == 2

    def test_a_job_is_shown_with_its_renders(self, farm: Farm, dashboard: DashboardFarm) -> None:
        job_id = farm("submit", "sana-demo", "a red circle", "--seed", "7").stdout.strip()
        dashboard.work()

        told = farm("job", job_id)
        shown = json.loads(farm("job", job_id, "--json").stdout)

        assert told.exit_code == 0
        assert "1 of 1 done" in told.stdout
        assert shown["job"]["status"] == "done"
        assert shown["renders"][0]["parameters"]["seed"] == 7
        assert shown["renders"][0]["artifacts"][0]["url"].startswith("http")

    def test_of_a_large_job_the_first_renders_are_shown_and_how_to_see_more(self, farm: Farm) -> None:
        job_id = farm("submit", "sana-demo", "a red circle", "--seeds", "103").stdout.strip()

        told = farm("job", job_id)
        assert [line.split("\t")[0] for line in told.stdout.splitlines() if "\tpending\t" in line][-1] == "99"
        assert f"100 of 103 renders; for more: farm job {job_id} --limit 103" in told.stderr
        few = farm("job", job_id, "--limit", "2")
        assert few.stdout.count("\tpending\t") == 2
        every = farm("job", job_id, "--limit", "103")
        assert every.stdout.count("\tpending\t") == 103
        assert "for more" not in every.stderr
        assert len(json.loads(farm("job", job_id, "--json").stdout)["renders"]) == 103

    def test_following_ends_with_the_job(self, farm: Farm, worker: Callable[..., threading.Thread]) -> None:
        job_id = farm("submit", "sana-demo", "a red circle", "--seed", "7").stdout.strip()
        thread = worker(Outcome.DONE)

        told = farm("job", job_id, "--follow", "--json")

        thread.join()
        assert told.exit_code == 0
        versions = [json.loads(line)["version"] for line in told.stdout.splitlines()]
        assert versions == sorted(set(versions))
        assert json.loads(told.stdout.splitlines()[-1])["status"] == "done"

    def test_workers_are_listed(self, farm: Farm, dashboard: DashboardFarm) -> None:
        assert f"{dashboard.worker_id}\tsana-demo-local\tsana-demo\tidle" in farm("workers").stdout
        assert json.loads(farm("workers", "--json").stdout)[0]["device"] == "cpu"

    def test_pools_are_listed_with_the_wanted_number_of_workers_and_why(
        self, farm: Farm, dashboard: DashboardFarm
    ) -> None:
        with write(dashboard.connections.engine) as connection:
            wanted = {"desired": 1, "decision": "1: 0 GPU-s waiting", "decided_at": 1.0}
            connection.execute(update(Pool).where(Pool.name == "wan-demo-local").values(wanted))
        told = farm("pools").stdout
        assert "sana-demo-local\tsana-demo\t1\t-\t-\t-\t" in told
        assert "wan-demo-local\twan-demo\t0\t1\t0\t-\t1: 0 GPU-s waiting" in told
        listed = {pool["name"]: pool["scaling"] for pool in json.loads(farm("pools", "--json").stdout)}
        assert listed["wan-demo-local"]["desired"] == 1
        assert listed["sana-demo-local"] is None

    def test_what_others_write_cannot_command_the_terminal(self, farm: Farm, dashboard: DashboardFarm) -> None:
        with FarmClient(dashboard.url, dashboard.key) as client:
            client.submit("sana-demo", "x", seed=1, title="[red]not a style[/red] \u202egnp.exe")

        told = farm("jobs").stdout

        assert "[red]not a style[/red]" in told
        assert "\u202e" not in told


class TestDeadLetters:
    def test_failed_renders_are_listed_with_their_reason_and_tried_again(
        self, farm: Farm, dashboard: DashboardFarm
    ) -> None:
        with FarmClient(dashboard.url, dashboard.key) as client:
            job = client.submit("sana-demo", "a sad circle", seed_count=2)
        dashboard.finish(dashboard.take(), Outcome.FAILED)

        listed = farm("dead-letters", "--job", job.id, "--reason", "PAINT", "--logs")
        assert listed.stdout.count("the paint ran out") == 2
        assert json.loads(farm("dead-letters", "--job", job.id, "--json").stdout)[0]["prompt"] == "a sad circle"
        assert "for --retry" in farm("dead-letters", "01a20936-152b-75ce-80a1-dcf6f4b2b4a5").stderr

        retried = farm("dead-letters", "--retry", "--job", job.id)
        assert retried.exit_code == 0
        assert "2 renders of 1 jobs are tried again" in retried.stderr
        dashboard.work()
        with FarmClient(dashboard.url, dashboard.key) as client:
            assert client.job(job.id).status == "done"

    def test_only_operators_release_workers(self, farm: Farm, dashboard: DashboardFarm) -> None:
        told = farm("workers", "release", dashboard.worker_id)

        assert told.exit_code == 2
        assert "Only operators" in told.stderr


class TestCancelAndDownload:
    def test_all_ids_are_tried_and_one_refusal_is_exit_code_2(self, farm: Farm) -> None:
        ids = [farm("submit", "sana-demo", "x", "--seed", "1").stdout.strip() for _ in range(2)]

        told = farm("cancel", ids[0], "nonsense", ids[1])

        assert told.exit_code == 2
        assert "nonsense" in told.stderr
        assert {job["status"] for job in json.loads(farm("jobs", "--json").stdout)} == {"cancelled"}
        assert farm("cancel", ids[0]).exit_code == 0

    def test_files_are_fetched_into_a_folder_named_as_the_job(
        self, farm: Farm, dashboard: DashboardFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        job_id = farm("submit", "sana-demo", "x", "--seed", "1").stdout.strip()
        dashboard.work()

        told = farm("download", job_id, "--kind", "output", "--kind", "manifest")

        assert told.exit_code == 0
        assert sorted(Path(line).suffix for line in told.stdout.splitlines()) == [".json", ".png"]
        assert all((tmp_path / line).parent == tmp_path / job_id for line in told.stdout.splitlines())


class TestProcesses:
    """What only a real process shows."""

    def test_ctrl_c_leaves_the_job_running_and_says_so(
        self, dashboard: DashboardFarm, environment: dict[str, str]
    ) -> None:
        process = subprocess.Popen(
            command("submit", "sana-demo", "a red circle", "--seed", "1", "--wait"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background has it ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout
        assert process.stderr
        job_id = process.stdout.readline().strip()
        while "0 of 1 done" not in process.stderr.readline():  # now it watches
            assert process.poll() is None

        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=240)

        assert process.returncode == 130
        assert f"farm job {job_id} --follow" in said
        assert f"farm cancel {job_id}" in said
        with FarmClient(dashboard.url, dashboard.key) as client:
            assert client.job(job_id).status == "open"

    def test_a_farm_that_is_not_there_is_exit_code_3_without_a_traceback(self, tmp_path: Path) -> None:
        with scripted_farm() as gone:
            url = gone.url
        told = subprocess.run(
            command("jobs"),
            env={**os.environ, "FARM_URL": url, "FARM_KEY": "lf_x", "FARM_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert told.returncode == 3
        assert told.stdout == ""
        assert url in told.stderr
        assert "Traceback" not in told.stderr


def test_without_a_farm_it_says_how_to_get_one_with_exit_code_2(tmp_path: Path) -> None:
    nowhere = {"FARM_URL": None, "FARM_KEY": None, "FARM_CONFIG": None, "FARM_DATA_DIR": str(tmp_path)}

    told = CliRunner().invoke(build_app(), ["jobs"], env=nowhere)

    assert told.exit_code == 2
    assert "farm up" in told.stderr


def test_wrong_usage_is_exit_code_2(farm: Farm) -> None:
    told = farm("submit", "sana-demo")

    assert told.exit_code == 2
    assert "PROMPT" in told.stderr
