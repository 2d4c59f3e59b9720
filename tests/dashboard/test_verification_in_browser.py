"""The button that has a render made again, as a person presses it."""

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.conftest import House
from tests.dashboard.repeating import Repeater
from tests.dashboard.test_browser import Visit, address, browser, pytestmark  # noqa: F401


@pytest.mark.long
def test_a_person_verifies_a_picture_sees_why_it_waits_and_then_what_came_of_it(
    live_house: House,
    browser: Browser,  # noqa: F811
    address: str,  # noqa: F811
) -> None:
    # Given a picture that is done
    job = live_house.submit(seed=7)
    Repeater(live_house.connections).draw_everything()
    [render] = live_house.renders(job["id"])
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(f"{address}/renders/{render['id']}")

    # When the button is pressed, then the page says that it is rendered again, and why it waits
    page.get_by_role("button", name="Verify").click()
    page.wait_for_url("**#verification")
    told = page.locator("#verification")
    expect(told).to_contain_text("It is being rendered again, as a job of its own.")
    expect(told).to_contain_text("Why it waits")

    # When a worker has rendered it, then the answer comes without loading the page
    page.evaluate("window.same = true")
    Repeater(live_house.connections).draw_everything()
    expect(told).to_contain_text("The same file. It came out again byte for byte.")
    assert page.evaluate("window.same") is True

    # And one that comes out otherwise is said to be different, with what may explain it, and a way to look at both
    page.reload()
    page.get_by_role("button", name="Verify again").click()
    expect(told).to_contain_text("It is being rendered again, as a job of its own.")
    Repeater(live_house.connections, device="another GPU", off=40).draw_everything()
    expect(told).to_contain_text("Different. The two outputs can be told apart.")
    expect(told).to_contain_text("device: cpu then, another GPU now")
    told.get_by_role("link", name="Compare").click()
    page.wait_for_url("**view=slider")
    expect(page.locator(".slider img")).to_have_count(2)
    assert visit.said == []
