"""A sweep in a real browser: it fills live, goes by keys, and holds 2,500 cells."""

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.test_browser import PATIENCE, Visit, address, browser, pytestmark  # noqa: F401


def test_a_sweep_fills_live_and_is_walked_by_keys(live_house: House, browser: Browser, address: str) -> None:  # noqa: F811
    # Given the page of a sweep of six, of which nothing is done
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    job = house.submit(guidance_scale=[1, 3.5, 5], num_inference_steps=[2, 4], seed=7)
    visit = Visit(browser, house, address, 1000)
    page = visit.page
    page.goto(f"{address}/jobs/{job['id']}")
    expect(page.locator("#grid td a")).to_have_count(6)
    page.evaluate("window.same = true")

    # When two are rendered, then they appear without a new page, and the others stay
    drawer.finish(drawer.take(2))
    expect(page.locator("#grid td img")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("#grid td .over").first).to_have_text("waiting")
    assert page.evaluate("window.same") is True

    # And arrows lead from cell to cell and up to the headers, a header to the view of its value alone
    page.locator("#grid td a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.title") == "Only Steps 4"
    page.keyboard.press("Enter")
    page.wait_for_url("**at=num_inference_steps*")
    expect(page.locator("#grid td a")).to_have_count(3)
    page.reload()
    expect(page.locator("#grid td a")).to_have_count(3)

    # And other axes are chosen in a form, which is the address
    page.get_by_label("Across").select_option("num_inference_steps")
    page.locator("select[name=y]").select_option("guidance_scale")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#grid td a")).to_have_count(6)
    assert visit.said == []


@pytest.mark.long
def test_a_grid_of_2500_cells_fills_live(live_house: House, browser: Browser, address: str) -> None:  # noqa: F811
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    job = house.submit(guidance_scale=[1 + place / 10 for place in range(50)], seed_count=50)
    visit = Visit(browser, house, address, 1280)
    page = visit.page
    page.goto(f"{address}/jobs/{job['id']}")
    expect(page.locator("#grid td a")).to_have_count(2500)
    expect(page.locator("#grid tr[hidden]")).to_have_count(0)
    for filled in (8, 16, 24):
        drawer.finish(drawer.take(8))
        expect(page.locator("#grid td img")).to_have_count(filled, timeout=PATIENCE)
    assert visit.said == []
