"""Clips by the `openai` package: made, waited for, listed, fetched, remixed, deleted."""

import asyncio
from collections.abc import Callable

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from dashboard.openai.videos import STATUSES
from farm.client import FarmClient
from farm.lifecycle import Outcome, RenderStatus
from tests.dashboard.openai.conftest import at_work
from tests.farm.dashboards import DashboardFarm

PROMPT = "a red circle moves left on a blue background"
BEGINS_WITH_A_PICTURE = "wan21-i2v-14b-480p"
#: The package says of every call that OpenAI's own models are shut down.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


def test_a_clip_is_waited_for_fetched_remixed_and_deleted(dashboard: DashboardFarm, client: OpenAI) -> None:
    with at_work(dashboard):
        clip = client.videos.create_and_poll(
            model="wan-demo", prompt=PROMPT, seconds="1", size="96x64", extra_body={"seed": 5, "sampler": "euler"}
        )

    assert (clip.status, clip.progress, clip.seconds, clip.size, clip.error) == ("completed", 100, "1", "96x64", None)
    with FarmClient(dashboard.url, dashboard.key) as farm:
        asked = farm.find_render(clip.id).parameters
    assert (asked["num_frames"], asked["fps"], asked["width"], asked["height"]) == (9, 8, 96, 64)
    assert client.videos.download_content(clip.id).read() == dashboard.picture()
    with pytest.raises(openai.BadRequestError, match="must be video or thumbnail"):
        client.videos.download_content(clip.id, variant="spritesheet")

    other = client.videos.remix(clip.id, prompt="a green star")
    assert other.remixed_from_video_id == clip.id
    assert {one.id: one.remixed_from_video_id for one in client.videos.list()} == {other.id: clip.id, clip.id: None}
    with FarmClient(dashboard.url, dashboard.key) as farm:
        again = farm.find_render(other.id).parameters
    assert again == {**asked, "prompt": "a green star"}

    for made in (clip, other):  # one is done, the other waits
        assert client.videos.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(clip.id)
    left = client.videos.retrieve(other.id)
    assert (left.status, left.remixed_from_video_id) == ("failed", clip.id)


def test_a_clip_that_waits_says_when_to_ask_again_and_has_no_file_yet(dashboard: DashboardFarm, client: OpenAI) -> None:
    answer = client.videos.with_raw_response.create(model="wan-demo", prompt=PROMPT)
    clip = answer.parse()
    assert (clip.status, clip.progress) == ("queued", 0)
    assert 500 <= int(answer.headers["openai-poll-after-ms"]) <= 10_000
    [render] = dashboard.take(pool="wan-demo-local")
    dashboard.step([render], 10)
    dashboard.connections.progress.flush()
    clip = client.videos.retrieve(clip.id)
    assert (clip.status, clip.progress) == ("in_progress", 50)
    with pytest.raises(openai.ConflictError, match="has no such file"):
        client.videos.download_content(clip.id)
    dashboard.finish([render], Outcome.FAILED)
    clip = client.videos.retrieve(clip.id)
    assert clip.status == "failed"
    assert clip.error is not None
    assert (clip.error.code, clip.error.message) == ("failed", "the paint ran out")


def test_one_key_makes_one_clip_however_often_it_is_sent(client: OpenAI) -> None:
    once = {"Idempotency-Key": "the clip of the tests"}
    first, second = (client.videos.create(model="wan-demo", prompt=PROMPT, extra_headers=once) for _ in range(2))
    assert first.id == second.id
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(model="wan-demo", prompt="another", extra_headers=once)
    assert refused.value.code == "idempotency_mismatch"


def test_every_clip_of_the_project_is_listed_page_by_page(
    dashboard: DashboardFarm, client: OpenAI, make_async: Callable[[], AsyncOpenAI]
) -> None:
    with FarmClient(dashboard.url, dashboard.key) as farm:
        jobs = [farm.submit("wan-demo", PROMPT, seed_count=count) for count in (1, 3)]
        farm.submit("sana-demo", "a red circle")
        farm.submit("wan-demo", PROMPT, num_frames=1)  # a still
        first, second = ([render.id for render in farm.renders(job.id)] for job in jobs)

    async def read() -> list[str]:
        async with make_async() as patient:
            return [clip.id async for clip in patient.videos.list(limit=3, order="asc")]

    assert [clip.id for clip in client.videos.list(limit=2)] == second + first
    assert asyncio.run(read()) == first + second
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.videos.list(limit=0)


def test_a_clip_begins_with_no_picture_where_the_model_takes_none(dashboard: DashboardFarm, client: OpenAI) -> None:
    # The package's own type has {"file_id": …} too, but it sends no such thing: only what stands in `extra_body`.
    uploaded = {"input_reference": {"file_id": "018f0000-0000-7000-8000-000000000000"}}
    for more in ({"input_reference": ("scene.png", dashboard.picture())}, {"extra_body": uploaded}):
        with pytest.raises(openai.BadRequestError, match="wan-demo takes no picture"):
            client.videos.create(model="wan-demo", prompt=PROMPT, **more)  # type: ignore[arg-type]


def test_a_clip_begins_with_a_picture_that_is_sent_along_or_was_uploaded_before(
    dashboard: DashboardFarm, client: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = dashboard.connections.catalog.pools
    ours = pools["wan-demo-local"].model_copy(update={"name": "i2v", "model": BEGINS_WITH_A_PICTURE, "memory_gb": None})
    monkeypatch.setitem(pools, "i2v", ours)
    sent = client.videos.create(model=BEGINS_WITH_A_PICTURE, prompt=PROMPT, input_reference=dashboard.picture())
    with FarmClient(dashboard.url, dashboard.key) as farm:
        [picture] = farm.inputs()
        named = client.videos.create(
            model=BEGINS_WITH_A_PICTURE, prompt=PROMPT, extra_body={"input_reference": {"file_id": picture.id}}
        )
        again = client.videos.remix(named.id, prompt="the same, faster")
        for clip in (sent, named, again):
            assert farm.find_render(clip.id).parameters["image"]["id"] == picture.id
    with pytest.raises(openai.BadRequestError, match="begin with a picture"):
        client.videos.create(model=BEGINS_WITH_A_PICTURE, prompt=PROMPT)


def test_nothing_of_another_project_is_there(dashboard: DashboardFarm, client: OpenAI) -> None:
    clip = client.videos.create(model="wan-demo", prompt=PROMPT)
    with dashboard.new_project() as others, OpenAI(base_url=f"{others.url}/v1", api_key=others.key) as stranger:
        assert list(stranger.videos.list()) == []
        for call in (
            stranger.videos.retrieve,
            stranger.videos.delete,
            stranger.videos.download_content,
            lambda found: stranger.videos.remix(found, prompt="mine"),
            lambda found: list(stranger.videos.list(after=found)),
        ):
            with pytest.raises(openai.NotFoundError):
                call(clip.id)
    assert client.videos.retrieve(clip.id).status == "queued"


def test_every_state_of_a_render_is_one_that_their_package_waits_for_or_ends_at() -> None:
    assert set(STATUSES) == set(RenderStatus)
