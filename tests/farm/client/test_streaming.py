"""A file of rows from the client to the farm: part by part, gone on with after whatever broke it off."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from farm.cli import build_app
from farm.client import FarmClient, FarmProblem, FileProgress
from farm.client.requests import streaming
from tests.farm.dashboards import DashboardFarm


@pytest.fixture
def client(dashboard: DashboardFarm) -> Iterator[FarmClient]:
    with FarmClient(dashboard.url, dashboard.key) as client:
        yield client


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming.submit_file, "__kwdefaults__", {"on_progress": None, "part_bytes": 700})


def write_rows(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps({"prompt": f"plate {row}", "seed": row}) + "\n" for row in range(count)))
    return path


def prompts(client: FarmClient, job_id: str) -> list[str]:
    return [render.parameters["prompt"] for render in client.renders(job_id)]


@pytest.mark.usefixtures("small_parts")
def test_a_file_becomes_a_job_and_the_same_file_again_is_the_same_job(client: FarmClient, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "plates.jsonl", 90)
    seen: list[FileProgress] = []
    job = client.submit_file("sana-demo", path, class_name="bulk", on_progress=seen.append, num_inference_steps=3)

    assert (job.total, job.class_name, job.status) == (90, "bulk", "open")
    assert prompts(client, job.id) == [f"plate {row}" for row in range(90)]
    assert len(seen) > 3
    assert (seen[-1].bytes, seen[-1].sealed) == (path.stat().st_size, True)
    assert client.submit_file("sana-demo", path, class_name="bulk", num_inference_steps=3).id == job.id


@pytest.mark.usefixtures("small_parts")
def test_a_corrected_file_goes_on_under_its_key(client: FarmClient, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "plates.jsonl", 60)
    right = path.read_text()
    path.write_text(right.replace('"plate 50"', '"plate 50", "width": "wide"'))
    with pytest.raises(FarmProblem) as refused:
        client.submit_file("sana-demo", path, idempotency_key="plates-1")
    assert refused.value.errors[0].field == "/lines/51/width"
    assert refused.value.members["rows"] == 50

    path.write_text(right)
    job = client.submit_file("sana-demo", path, idempotency_key="plates-1")

    assert job.id == refused.value.members["job_id"]
    assert prompts(client, job.id) == [f"plate {row}" for row in range(60)]


@pytest.mark.usefixtures("small_parts")
def test_another_file_under_a_key_is_not_mixed_with_the_first(client: FarmClient, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "plates.jsonl", 60)
    client.submit_file("sana-demo", path, idempotency_key="plates-2")

    path.write_text(path.read_text().replace("plate", "leaf"))
    with pytest.raises(FarmProblem, match="another file"):
        client.submit_file("sana-demo", path, idempotency_key="plates-2")


@pytest.mark.usefixtures("small_parts")
def test_a_file_whose_job_was_cancelled_meanwhile_is_refused_at_once_with_the_way_out(
    client: FarmClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "plates.jsonl", 60)
    monkeypatch.setattr(streaming, "time", SimpleNamespace(sleep=lambda _: pytest.fail("waiting does not mend it")))

    def cancel(progress: FileProgress) -> None:
        if progress.rows > 20:
            client.cancel(progress.job_id)

    for on_progress in (cancel, None):
        with pytest.raises(FarmProblem, match="under a new Idempotency-Key") as refused:
            client.submit_file("sana-demo", path, idempotency_key="plates-3", on_progress=on_progress)
        assert (refused.value.status, refused.value.type) == (409, "stream-ended")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_connection_that_breaks_in_the_middle_of_a_row_loses_and_doubles_nothing(
    dashboard: DashboardFarm, client: FarmClient, tmp_path: Path, chunked: bool
) -> None:
    path = write_rows(tmp_path / "plates.jsonl", 1_500)
    data = path.read_bytes()
    place = urlsplit(dashboard.url)
    key = streaming.key_of(path, {"model": "sana-demo"})
    broken = http.client.HTTPConnection(place.netloc)
    broken.putrequest("POST", "/api/v1/jobs/stream?model=sana-demo")
    headers = {"Authorization": f"Bearer {dashboard.key}", "Content-Type": "application/x-ndjson"}
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(data))}
    for name, value in {**headers, **length, "Idempotency-Key": key}.items():
        broken.putheader(name, value)
    broken.endheaders()
    half = data[: len(data) * 4 // 5 + 9]
    broken.send(f"{len(half):x}\r\n".encode() + half + b"\r\n" if chunked else half)
    broken.close()

    job = client.submit_file("sana-demo", path)

    assert prompts(client, job.id) == [f"plate {row}" for row in range(1_500)]


def test_the_command_sends_a_table(
    dashboard: DashboardFarm, client: FarmClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_URL", dashboard.url)
    monkeypatch.setenv("FARM_KEY", dashboard.key)
    table = tmp_path / "plates.csv"
    table.write_text("prompt,seed\na red circle,1\na blue star,2\n")

    done = CliRunner().invoke(
        build_app(), ["submit", "--file", str(table), "--model", "sana-demo", "--class", "bulk", "--json"]
    )

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["total"] == 2
    assert prompts(client, told["id"]) == ["a red circle", "a blue star"]


def test_a_file_that_is_sent_again_after_its_cancel_is_told_how_to_have_it_rendered(
    dashboard: DashboardFarm, client: FarmClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_URL", dashboard.url)
    monkeypatch.setenv("FARM_KEY", dashboard.key)
    command = ["submit", "--file", str(write_rows(tmp_path / "plates.jsonl", 3)), "--model", "sana-demo"]
    job_id = CliRunner().invoke(build_app(), command).stdout.strip()
    client.cancel(job_id)

    again = CliRunner().invoke(build_app(), command)
    anew = CliRunner().invoke(build_app(), [*command, "--key", "another"])

    assert again.stdout.strip() == job_id
    assert "ended as cancelled: 0 of 3 done" in again.stderr
    assert "--key" in again.stderr
    assert anew.stdout.strip() != job_id
    assert "--key" not in anew.stderr
