"""`farm drafts`, `keep`, `drop` and `inputs`, and the client's methods behind them, against a real dashboard."""

import json
from pathlib import Path

from PIL import Image

from farm.client import FarmClient
from farm.lifecycle import Outcome
from tests.farm.adapters.test_file_header import lora
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm"]  # fixtures


def test_drafts_are_listed_fetched_kept_and_dropped(farm: Farm, dashboard: DashboardFarm, tmp_path: Path) -> None:
    told = farm(
        "submit", "sana-demo", "a red circle", "--seed", "1", "--seed", "2", "--seed", "3", "--stop-at-step", "6"
    )
    job_id = told.stdout.strip()
    assert farm("drafts", job_id).stdout.splitlines()[1:] == []
    dashboard.work(Outcome.DRAFTED)

    rows = [line.split("\t") for line in farm("drafts", job_id).stdout.splitlines()[1:]]
    assert [row[1:3] for row in rows] == [["6 of 20", "1"], ["6 of 20", "2"], ["6 of 20", "3"]]
    first, second, third = (row[0] for row in rows)
    assert farm("download", job_id, "--kind", "draft", "--to", str(tmp_path / "drafts")).exit_code == 0
    assert len(list((tmp_path / "drafts").iterdir())) == 3
    assert "1 draft goes on" in farm("keep", second).stderr
    assert "cancelled" in farm("drop", third).stderr
    assert "1 draft goes on, 1 stopped" in farm("keep", first, "--stop-siblings").stderr
    assert farm("keep", third).exit_code == 2

    dashboard.work()
    renders = json.loads(farm("job", job_id, "--json").stdout)["renders"]
    assert [render["status"] for render in renders] == ["done", "cancelled", "cancelled"]


def test_drafts_of_several_jobs_are_not_kept_at_once(farm: Farm, dashboard: DashboardFarm) -> None:
    jobs = [farm("submit", "sana-demo", "a red circle", "--stop-at-step", "6").stdout.strip() for _ in range(2)]
    dashboard.work(Outcome.DRAFTED)
    with FarmClient(dashboard.url, dashboard.key) as client:
        ids = [next(client.drafts(job)).id for job in jobs]
    told = farm("keep", *ids)
    assert (told.exit_code, "several jobs" in told.stderr) == (2, True)


def test_pictures_are_uploaded_listed_named_by_jobs_and_removed(
    farm: Farm, dashboard: DashboardFarm, tmp_path: Path
) -> None:
    scene, text = tmp_path / "scene.png", tmp_path / "notes.txt"
    Image.new("RGB", (64, 48), (255, 0, 0)).save(scene)
    text.write_text("no picture")

    told = farm("inputs", "add", str(scene), str(text))
    assert (told.exit_code, "no picture" in told.stderr) == (2, True)
    input_id = told.stdout.strip()
    assert farm("inputs", "list").stdout.splitlines()[1].split("\t")[:2] == [input_id, "64x48"]

    by_id = farm("submit", "sprint-demo", "a red circle", "--image", input_id).stdout.strip()
    by_file = farm("submit", "sprint-demo", "a red circle", "--image", str(scene)).stdout.strip()
    for job_id in (by_id, by_file):
        [render] = json.loads(farm("job", job_id, "--json").stdout)["renders"]
        assert render["parameters"]["image"]["id"] == input_id
    assert farm("inputs", "rm", input_id).exit_code == 2
    farm("cancel", by_id, by_file)
    assert "removed" in farm("inputs", "rm", input_id).stderr


def test_an_adapter_is_told_what_it_fits_and_is_taken_in_part_only_when_that_was_said(
    farm: Farm, dashboard: DashboardFarm, tmp_path: Path
) -> None:
    names = [f"transformer.transformer_blocks.{block}.attn1.to_q" for block in (0, 99)]  # the demo has six blocks
    shapes = {f"{name}.lora_A.weight": [4, 96] for name in names} | {f"{name}.lora_B.weight": [96, 4] for name in names}
    ink = tmp_path / "ink.safetensors"
    ink.write_bytes(lora(shapes))

    told = farm("inputs", "add", str(ink))
    input_id, said = told.stdout.strip(), " ".join(told.stderr.split())
    assert "rank 4, 2 layers; in part, with --allow-partial, sana-demo (sana: 1, not" in said
    assert farm("inputs", "list").stdout.splitlines()[1].split("\t")[:2] == [input_id, "adapter for sana, sprint"]
    asked = ("submit", "sana-demo", "a red circle", "--lora", f"{input_id}:0.5")
    refused = farm(*asked)
    assert (refused.exit_code, "allow_partial" in refused.stderr) == (2, True)
    assert farm(*asked, "--allow-partial").exit_code == 0
    with FarmClient(dashboard.url, dashboard.key) as client:
        job = client.submit("sana-demo", "a red circle", loras=[{"name": input_id}], allow_partial=True)
    assert "takes 1 of the 2 layers" in job.notices[0]


def test_of_several_files_to_submit_with_a_refusal_says_which_it_is_about(farm: Farm, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "good.png")
    (tmp_path / "broken.mp4").write_text("no clip")
    named = ("--image", str(tmp_path / "good.png"), "--pose-video", str(tmp_path / "broken.mp4"))
    refused = farm("submit", "wan22-animate-14b", "a man dances", *named, "--dry-run")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "broken.mp4: Invalid request" in " ".join(refused.stderr.split())


def test_a_finished_render_is_what_another_starts_from(farm: Farm, dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, dashboard.key) as client:
        client.submit("sana-demo", "a red circle", seed=7)
        dashboard.work()
        taken = farm("inputs", "from", "last/0")
        assert taken.exit_code == 0, taken.stderr
        [upload] = client.inputs()
        assert (taken.stdout.strip(), upload.name) == (upload.id, "a red circle, 7.png")
        assert farm("submit", "sprint-demo", "a blue circle", "--image", upload.id).exit_code == 0
        unknown = farm("inputs", "from", "last/7", "--json")
        assert (unknown.exit_code, json.loads(unknown.stderr)["exit_code"]) == (2, 2)
