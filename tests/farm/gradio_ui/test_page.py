"""`farm demo-ui` before Gradio's own client: visitors render, watch, cancel, and see nothing of each other."""

from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from gradio_client import Client
from gradio_client.client import Job

from farm.client import FarmClient
from farm.progress import Preview
from tests.farm.gradio_ui.pages import Page
from tests.waiting import eventually

PROMPT = "a red circle on a blue background"
WEBP = b"RIFF\x00\x00\x00\x00WEBP of a test"
FORM: dict[str, Any] = {
    "model": "sana-demo",
    "prompt": PROMPT,
    "negative": "",
    "size": "128 × 128",
    "steps": 20,
    "guidance": 4.5,
    "sampler": "euler",
    "frames": None,
    "seed": "",
    "count": 1,
}
pytestmark = pytest.mark.long
STATUS, RUNNING, GALLERY, PROBLEM = range(4)


def ask(visitor: Client, **changes: Any) -> Job:
    """Press the button."""
    return visitor.submit(*(FORM | changes).values(), api_name="/render")


def seen(job: Job, part: int) -> str:
    """All that a part of the page has said until now."""
    return "\n".join(str(told[part]) for told in job.outputs())


def test_a_visitor_watches_his_pictures_arrive_and_another_sees_none_of_them(page: Page) -> None:
    # Given a visitor who asks for two pictures
    ours, others = page.visitor(), page.visitor()
    job = ask(ours, seed="7", count=2)
    renders = eventually(page.farm.take)
    assert [render.parameters["seed"] for render in renders] == [7, 8]

    # Then he sees steps and previews while they render
    page.farm.step(renders, 7)
    eventually(lambda: "step 7 of 20" in seen(job, STATUS))
    render = renders[0]
    shown = Preview(job_id=render.job_id, project_id=render.project_id, render_id=render.id, step=7)
    page.farm.connections.progress.show(shown, WEBP)
    eventually(lambda: "data:image/webp" in seen(job, RUNNING))

    # And the pictures when they are done; another visitor has his own alone
    page.farm.finish(renders)
    told = job.result()
    assert told[STATUS] == "2 of 2 done: done"
    assert {item["caption"] for item in told[GALLERY]} == {f"seed {seed}: {PROMPT}" for seed in (7, 8)}

    theirs = ask(others, seed=str(2**64 - 1))
    [render] = eventually(page.farm.take)
    assert render.parameters["seed"] == 2**64 - 1
    page.farm.finish([render])
    assert [item["caption"] for item in theirs.result()[GALLERY]] == [f"seed {2**64 - 1}: {PROMPT}"]


def test_a_clip_comes_as_a_video(page: Page, tmp_path: Path) -> None:
    job = ask(page.visitor(), model="wan-demo", size="64 × 64", sampler="unipc", frames=9)
    [render] = eventually(lambda: page.farm.take(pool="wan-demo-local"))
    assert render.parameters["num_frames"] == 9
    page.farm.finish_as(render, "clip.mp4", "video/mp4", clip(tmp_path / "clip.mp4"))
    [item] = job.result()[GALLERY]
    assert item["video"].endswith(".mp4")


def clip(path: Path) -> bytes:
    """Nine black frames."""
    writer = imageio_ffmpeg.write_frames(str(path), (64, 64))
    writer.send(None)
    for _ in range(9):
        writer.send(bytes(64 * 64 * 3))
    writer.close()
    return path.read_bytes()


def test_cancel_and_leaving_reach_the_farm_and_only_ones_own_work(page: Page) -> None:
    ours, others = page.visitor(), page.visitor()
    with FarmClient(page.farm.url, page.farm.key) as farm:
        job = ask(ours, prompt="to be cancelled")
        [ours_id] = eventually(lambda: [found.id for found in farm.jobs(text="to be cancelled")])
        others.predict(api_name="/cancel")
        assert not farm.job(ours_id).ended
        ours.predict(api_name="/cancel")
        assert job.result()[STATUS] == "0 of 1 done: cancelled"

        left = ask(others, prompt="to be left")
        [left_id] = eventually(lambda: [found.id for found in farm.jobs(text="to be left")])
        eventually(lambda: left.outputs())
        left.cancel()
        eventually(lambda: farm.job(left_id).status == "cancelled")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": ""}, "/prompt"),
        ({"model": "sprint-demo", "sampler": "scm"}, "/num_inference_steps"),
        ({"size": "100 × 128"}, "/width"),
        ({"size": "large"}, "/size: must be a width and a height"),
        ({"seed": "-7"}, "/seed"),
    ],
    ids=str,
)
def test_what_the_farm_refuses_is_said_beside_the_form(page: Page, changes: dict[str, Any], words: str) -> None:
    assert words in str(ask(page.visitor(), **changes).result()[PROBLEM])


def test_nothing_but_the_farm_was_asked(page: Page) -> None:
    assert page.outside.asked == []
