"""The pages in Chinese in a real browser: chosen by the switch, scripts included, at both widths."""

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.test_browser import PATIENCE, Visit, address, browser, pytestmark  # noqa: F401


@pytest.mark.parametrize("width", [1280, 390])
def test_the_switch_turns_every_page_and_what_its_scripts_say_into_chinese(
    live_house: House,
    browser: Browser,  # noqa: F811
    address: str,  # noqa: F811
    width: int,
) -> None:
    # Given somebody who chooses Chinese at the foot of a page
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    visit = Visit(browser, house, address, width)
    page = visit.page
    page.goto(f"{address}/jobs?show=active")
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_url("**/jobs?show=active")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")

    # When two prompts are typed, then the form's script counts them, and tells faults in Chinese
    page.goto(f"{address}/submit")
    page.get_by_label("提示词").first.fill("一个红色圆形\n一个蓝色圆形")
    expect(page.locator("[data-count]")).to_have_text("2 条提示词 × 1 = 2 个渲染")
    page.get_by_label("步数").fill("999")
    page.get_by_role("button", name="渲染", exact=True).click()
    expect(page.locator("#num_inference_steps-faults")).to_contain_text("现在是 999", timeout=PATIENCE)
    page.get_by_label("步数").fill("4")
    page.get_by_role("button", name="渲染", exact=True).click()
    page.wait_for_url("**/jobs/*-*")

    # And the page of the job says how long ago it was, also while it is filled live
    expect(page.locator("time[data-ago]").first).to_contain_text("前", timeout=PATIENCE)
    drawer.finish(drawer.take())
    expect(page.locator("#state")).to_have_text("已完成", timeout=PATIENCE)
    page.locator("input.pick").first.check()
    expect(page.locator("#compare output")).to_have_text("再选一个")

    # And English comes back, to the same page, without a word on the console
    refused = [said for said in visit.said if "422" not in said]
    assert refused == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    here = page.url
    page.get_by_role("button", name="English").click()
    expect(page.locator("#state")).to_have_text("done", timeout=PATIENCE)
    assert page.url == here
