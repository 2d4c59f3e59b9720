"""Renders side by side and under a slider, chosen on a job's page, in a real browser."""

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from dashboard.web.job.compare import differences
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.test_browser import Visit, address, browser, pytestmark  # noqa: F401
from tests.dashboard.visiting import PAGE
from tests.waiting import eventually


@pytest.mark.long
def test_two_of_a_sweep_are_chosen_and_compared_under_a_slider(
    live_house: House,
    browser: Browser,  # noqa: F811
    address: str,  # noqa: F811
) -> None:
    # Given a sweep of three that is done
    house = live_house
    job = house.submit(guidance_scale=[1, 3.5, 5], seed=7)
    Drawer(house.connections, "sana-demo-local").draw_everything()
    visit = Visit(browser, house, address, 1000)
    page = visit.page
    page.goto(f"{address}/jobs/{job['id']}")
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_hidden()

    # When two are chosen, by keys and by the mouse, then they stand side by side with what they differ in
    page.locator("#grid td a").first.focus()
    page.keyboard.press("c")
    expect(button).to_be_disabled()
    page.locator("#grid td .pick").nth(2).check()
    expect(button).to_be_enabled()
    button.click()
    page.wait_for_url("**/compare?*")
    expect(page.locator(".side-by-side img")).to_have_count(2)
    expect(page.locator(".differences tbody")).to_have_text("Guidance15")

    # And under the slider arrows move the line, also after the address was opened anew.
    page.get_by_role("link", name="slider").click()
    page.wait_for_url("**view=slider")
    page.reload()
    page.get_by_label("Left of it is A").focus()
    page.keyboard.press("End")
    expect(page.locator(".slider")).to_have_css("--at", "100%")
    assert visit.said == []


@pytest.mark.long
def test_clips_run_in_step(live_house: House, browser: Browser, address: str) -> None:  # noqa: F811
    house = live_house
    job = house.submit(model="wan-demo", seed_count=2)
    Drawer(house.connections, "wan-demo-local").draw_everything()
    visit = Visit(browser, house, address, 1000)
    page = visit.page
    page.goto(f"{address}/jobs/{job['id']}")
    for box in page.locator(".render .pick").all():
        box.check()
    page.get_by_role("button", name="Compare").click()
    times = "[...document.querySelectorAll('video')].map((clip) => clip.currentTime)"
    page.get_by_role("button", name="Play").click()
    eventually(lambda: min(page.evaluate(times)) > 0)
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Time in the clips").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    eventually(lambda: page.evaluate(times) == [0.01, 0.01])
    assert visit.said == []


@pytest.mark.parametrize("query", ["", "?render=1", "?view=slider"])
def test_fewer_than_two_are_refused_in_words(visitor: FlaskClient, query: str) -> None:
    answer = visitor.get(f"/compare{query}", headers=PAGE)
    assert (answer.status_code, "choose 2 to 4 renders" in answer.get_data(as_text=True)) == (422, True)


def test_renders_of_others_are_not_compared_and_only_differences_are_listed(house: House, visitor: FlaskClient) -> None:
    ours, theirs = (house.renders(house.submit(who)["id"], who)[0]["id"] for who in (house.ours, house.theirs))
    assert visitor.get(f"/compare?render={ours}&render={theirs}", headers=PAGE).status_code == 404
    asked = [{"model": "a", "num_inference_steps": 4, "loras": []}, {"model": "a", "num_inference_steps": 8}]
    assert differences(asked) == [("Steps", ["4", "8"])]
