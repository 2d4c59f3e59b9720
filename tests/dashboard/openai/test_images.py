"""Pictures by the `openai` package: at once, as links, asynchronously, streamed, and started from another picture."""

import asyncio
import base64
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from farm.client import FarmClient
from farm.lifecycle import Outcome
from farm.progress import Preview
from tests.dashboard.openai.conftest import at_work, jobs_of
from tests.farm.dashboards import DashboardFarm
from tests.waiting import eventually

PROMPT = "a red circle on a blue background"


def opened(text: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text or "")))


@contextmanager
def previewing(farm: DashboardFarm) -> Iterator[None]:
    """A worker that shows how far a render is, over and over, and ends it once both previews were to be seen."""
    stop = threading.Event()

    def work() -> None:
        renders = []
        while not (renders or stop.wait(0.02)):
            renders = farm.take()
        for step in [7] * 20 + [14] * 20:  # whoever begins to listen late still hears of both
            for render in renders:
                preview = Preview(job_id=render.job_id, project_id=render.project_id, render_id=render.id, step=step)
                farm.connections.progress.show(preview, b"preview %d" % step)
            stop.wait(0.05)
        farm.finish(renders)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_pictures_come_back_in_the_answer_with_the_seeds_that_make_them_again(
    dashboard: DashboardFarm, client: OpenAI
) -> None:
    with at_work(dashboard):
        answer = client.images.generate(model="sana-demo", prompt=PROMPT, n=2, size="128x128", quality="auto")

    assert answer.data is not None
    assert [opened(one.b64_json).size for one in answer.data] == [(128, 128)] * 2
    assert (answer.size, answer.output_format, answer.background) == ("128x128", "png", "opaque")
    with FarmClient(dashboard.url, dashboard.key) as farm:
        [job] = farm.jobs()
        renders = {render.id: str(render.parameters["seed"]) for render in farm.renders(job.id)}
    assert {one.render_id: one.seed for one in answer.data} == renders  # type: ignore[attr-defined]


def test_links_lead_to_the_files(dashboard: DashboardFarm, client: OpenAI) -> None:
    with at_work(dashboard):
        answer = client.images.generate(model="sana-demo", prompt=PROMPT, response_format="url")
    assert answer.data is not None
    assert httpx.get(answer.data[0].url or "").content == dashboard.picture()


def test_the_farms_own_parameters_stand_beside_theirs(dashboard: DashboardFarm, client: OpenAI) -> None:
    own = {"seed": 7, "num_inference_steps": 3, "guidance_scale": 2.5, "class": "bulk"}
    with at_work(dashboard):
        client.images.generate(
            model="sana-demo", prompt=PROMPT, size="auto", output_format="webp", output_compression=50, extra_body=own
        )
    with FarmClient(dashboard.url, dashboard.key) as farm:
        [job] = farm.jobs()
        [render] = farm.renders(job.id)
    asked = render.parameters
    assert (asked["seed"], asked["num_inference_steps"], asked["guidance_scale"]) == (7, 3, 2.5)
    assert (asked["output_format"], asked["output_quality"], asked["width"]) == ("webp", 50, 128)
    assert job.class_name == "bulk"


def test_a_stream_shows_previews_and_then_the_picture(
    dashboard: DashboardFarm, client: OpenAI, make_async: Callable[[], AsyncOpenAI]
) -> None:
    with previewing(dashboard):
        stream = client.images.generate(model="sana-demo", prompt=PROMPT, stream=True, partial_images=2)
        events = list(stream)

    async def read() -> list[str]:
        async with make_async() as patient:
            stream = await patient.images.generate(model="sana-demo", prompt=PROMPT, stream=True)
            return [event.type async for event in stream]

    with at_work(dashboard):
        others = asyncio.run(read())

    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    first, second, last = events
    assert [base64.b64decode(event.b64_json) for event in (first, second)] == [b"preview 7", b"preview 14"]
    assert first.output_format == "webp"
    assert last.type == "image_generation.completed"
    assert opened(last.b64_json).size == (128, 128)
    assert last.usage.total_tokens == 0
    assert others == ["image_generation.completed"]


def test_a_picture_starts_from_another(dashboard: DashboardFarm, client: OpenAI) -> None:
    with at_work(dashboard):
        answer = client.images.edit(
            model="sprint-demo",
            prompt=PROMPT,
            image=("scene.png", dashboard.picture()),
            extra_body={"num_inference_steps": 2, "strength": 0.5},
        )
    assert answer.data is not None
    assert opened(answer.data[0].b64_json).size == (128, 128)
    with FarmClient(dashboard.url, dashboard.key) as farm:
        [job] = farm.jobs()
        [render] = farm.renders(job.id)
        [picture] = farm.inputs()
    assert render.parameters["image"]["id"] == picture.id
    assert render.parameters["strength"] == 0.5


def test_a_model_that_takes_no_picture_says_so(client: OpenAI, dashboard: DashboardFarm) -> None:
    with pytest.raises(openai.BadRequestError, match="sana-demo takes no picture"):
        client.images.edit(model="sana-demo", prompt=PROMPT, image=[("a.png", dashboard.picture())])


def test_a_render_that_fails_is_told_and_not_tried_again(dashboard: DashboardFarm, client: OpenAI) -> None:
    with at_work(dashboard, Outcome.FAILED), pytest.raises(openai.InternalServerError, match="the paint ran out"):
        client.images.generate(model="sana-demo", prompt=PROMPT)
    with at_work(dashboard, Outcome.FAILED), pytest.raises(openai.APIError, match="the paint ran out"):
        list(client.images.generate(model="sana-demo", prompt=PROMPT, stream=True))
    assert jobs_of(dashboard) == ["failed", "failed"]


def test_those_that_came_are_answered_where_others_failed(dashboard: DashboardFarm, client: OpenAI) -> None:
    def work() -> None:
        first, second = eventually(lambda: dashboard.take())
        dashboard.finish([first])
        dashboard.finish([second], Outcome.FAILED)

    with ThreadPoolExecutor() as threads:
        worked = threads.submit(work)
        answer = client.images.generate(model="sana-demo", prompt=PROMPT, n=2)
        worked.result()
    assert answer.data is not None
    assert len(answer.data) == 1
    assert "1 of 2 pictures were not rendered" in answer.notices  # type: ignore[attr-defined]


def test_who_hangs_up_has_nothing_more_made(dashboard: DashboardFarm, client: OpenAI) -> None:
    hasty = client.with_options(timeout=httpx.Timeout(60, read=0.5), max_retries=0)  # all is sent before, however slow
    with pytest.raises(openai.APITimeoutError):
        hasty.images.generate(model="sana-demo", prompt=PROMPT)
    stream = client.images.generate(model="sana-demo", prompt=PROMPT, stream=True)
    stream.close()
    eventually(lambda: jobs_of(dashboard) == ["cancelled", "cancelled"])
