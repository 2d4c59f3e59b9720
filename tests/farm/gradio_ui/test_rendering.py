"""What the page does with a farm, without Gradio: the form of every model, and what comes of a job."""

import asyncio
from pathlib import Path

import pytest

from dashboard.api import get_live
from farm.client import AsyncFarmClient, FarmClient
from farm.gradio_ui.job_fields import Asked
from farm.gradio_ui.model_choices import offer_of, read_offers
from farm.gradio_ui.rendering import Rendering, reasons, render
from farm.gradio_ui.session import MOST_SHOWN, Session
from farm.lifecycle import Outcome
from tests.farm.dashboards import DashboardFarm

ASKED = Asked("sana-demo", "a red circle", "blue", "128 × 128", 5, 3.5, "euler", 9, "18446744073709551614", 2)


def test_the_form_of_every_model_has_its_own_limits_and_passes_its_own_defaults(dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, dashboard.key) as farm:
        offers = {model.name: offer_of(model) for model in farm.models()}
        for offer in offers.values():
            assert offer.steps.low <= offer.steps.default <= offer.steps.high
            assert offer.guidance.low <= offer.guidance.default <= offer.guidance.high
            assert offer.sizes
            assert offer.sampler in offer.samplers
        assert offers["sprint-demo"].negative_prompt is None
        assert (offers["wan-demo"].frames, offers["wan-demo"].num_frames) == ((1, 5, 9, 13, 17), 9)

        # What a pool renders from a prompt alone is on the page, and its form as it stands is accepted
        for name, offer in read_offers(farm).items():
            negative = offer.negative_prompt or ""
            numbers = (offer.steps.default, offer.guidance.default, offer.sampler, offer.num_frames)
            asked = Asked(name, "a red circle", negative, offer.sizes[0], *numbers, "", 1)
            assert farm.quote(name, asked.prompt, **asked.fields(offer)).renders == 1


def test_the_fields_are_those_of_the_model_and_big_seeds_stay_whole(dashboard: DashboardFarm) -> None:
    with FarmClient(dashboard.url, dashboard.key) as farm:
        offers = read_offers(farm)
    fields = ASKED.fields(offers["sana-demo"])
    assert fields["seeds"] == [2**64 - 2, 2**64 - 1]
    assert (fields["width"], fields["height"], fields["negative_prompt"]) == (128, 128, "blue")
    assert "num_frames" not in fields
    assert "negative_prompt" not in ASKED.fields(offers["sprint-demo"])


@pytest.mark.anyio
async def test_what_failed_is_said_and_who_leaves_cancels(dashboard: DashboardFarm, tmp_path: Path) -> None:
    session = Session(tmp_path)
    with FarmClient(dashboard.url, dashboard.key) as farm:
        offer, following = read_offers(farm)["sana-demo"], AsyncFarmClient.over(farm)
        news = render(following, session, ASKED, offer)
        assert isinstance(await anext(news), Rendering)
        dashboard.work(Outcome.FAILED)
        last = [told async for told in news][-1]
        assert last.job.status == "failed"
        assert "the paint ran out" in reasons(farm, last.job)

        news = render(following, session, ASKED, offer)
        job = (await anext(news)).job
        await news.aclose()
        assert farm.job(job.id).status == "cancelled"
        assert session.job_ids == set()


@pytest.mark.anyio
async def test_who_leaves_while_the_stream_is_quiet_cancels_before_its_next_word(
    dashboard: DashboardFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_live, "KEEPALIVE_SECONDS", 600.0)  # nothing more is told until long after this test
    session = Session(tmp_path)
    with FarmClient(dashboard.url, dashboard.key) as farm:
        news = render(AsyncFarmClient.over(farm), session, ASKED, read_offers(farm)["sana-demo"])
        waiting, job = asyncio.ensure_future(anext(news)), None
        while True:
            done, _ = await asyncio.wait([waiting], timeout=1)
            if done:
                job = waiting.result().job
                waiting = asyncio.ensure_future(anext(news))
            elif job is not None:  # a slow machine may be silent before the first word, too
                break
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert farm.job(job.id).status == "cancelled"


@pytest.mark.anyio
async def test_who_leaves_while_the_farm_accepts_his_job_leaves_none_behind(
    dashboard: DashboardFarm, tmp_path: Path
) -> None:
    session = Session(tmp_path)
    with FarmClient(dashboard.url, dashboard.key) as farm:
        news = render(AsyncFarmClient.over(farm), session, ASKED, read_offers(farm)["sana-demo"])
        waiting = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert {job.status for job in farm.jobs()} == {"cancelled"}


def test_a_visit_keeps_the_newest_files_and_ends_with_none(dashboard: DashboardFarm, tmp_path: Path) -> None:
    session = Session(tmp_path)
    with FarmClient(dashboard.url, dashboard.key) as farm:
        job = farm.submit("sana-demo", "a red circle", seeds=[1, 2])
        dashboard.work()
        session.gallery = [(str(tmp_path / str(number)), "earlier") for number in range(MOST_SHOWN)]
        for done in farm.renders(job.id):
            session.fetch(farm, done)
        assert len(session.gallery) == MOST_SHOWN
        assert [caption for _, caption in session.gallery[:2]] == ["seed 2: a red circle", "seed 1: a red circle"]
        session.end(farm)
        assert list(tmp_path.iterdir()) == []
