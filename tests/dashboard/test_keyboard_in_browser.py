"""From the first prompt to an undone delete with the keyboard alone, as somebody works who has no mouse."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.test_browser import Visit, address, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium

__all__ = ["address", "browser"]  # fixtures
pytestmark = [needs_chromium, pytest.mark.long]
#: Presses of Tab within which everything on a page is reached.
MOST_TABS = 80


def tab_to(page: Page, selector: str) -> None:
    """Go from field to field until this one has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by {MOST_TABS} presses of Tab on {page.url}")


def test_pictures_are_made_looked_at_compared_deleted_and_brought_back_by_keys_alone(
    live_house: House, browser: Browser, address: str
) -> None:
    drawer = Drawer(live_house.connections, "sana-demo-local")
    visit = Visit(browser, live_house, address, 1280)
    page, keys = visit.page, visit.page.keyboard

    # Create: the form has its cursor in the prompts, and is sent from there
    tab_to(page, "a[href='/submit']")
    keys.press("Enter")
    page.wait_for_url("**/submit")
    keys.type("a red circle\na blue square")
    keys.press("Control+Enter")
    page.wait_for_url("**/jobs/*-*")
    drawer.draw_everything()
    expect(page.locator(".render img")).to_have_count(2)

    # Compare: two are chosen, then the button behind them
    for _ in range(2):
        tab_to(page, "input.pick:not(:checked)")
        keys.press("Space")
    tab_to(page, "#compare button.main")
    keys.press("Enter")
    page.wait_for_url("**/compare?*")
    expect(page.locator("main img")).to_have_count(2)
    page.go_back()

    # A picture, and the next one
    tab_to(page, ".render > a")
    keys.press("Enter")
    page.wait_for_url("**/renders/*")
    keys.press("ArrowRight")
    expect(page.locator("#prompt")).to_have_text("a blue square")

    # In the gallery one is deleted and brought back
    page.goto(f"{address}/gallery")
    keys.press("ArrowRight")
    expect(page.locator(".card a").first).to_be_focused()
    keys.press("Delete")
    expect(page.locator(".card")).to_have_count(1)
    keys.press("u")
    expect(page.locator(".card")).to_have_count(2)

    # And the same from the page of one
    keys.press("Enter")
    page.wait_for_url("**/gallery/*")
    keys.press("Delete")
    page.wait_for_url("**/gallery?gone=*")
    expect(page.locator(".card")).to_have_count(1)
    keys.press("u")
    page.wait_for_url("**/gallery/*")
    page.goto(f"{address}/gallery")
    expect(page.locator(".card")).to_have_count(2)
    assert visit.said == []
