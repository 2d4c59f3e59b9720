"""The page of `farm demo-ui` in a real browser: it asks nobody but its own server."""

import os
import re
import shutil
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect, sync_playwright

from tests.farm.gradio_ui.pages import Page
from tests.waiting import eventually

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="needs chromium: apt-get install chromium"),
]
LONG = 120_000  # milliseconds; a bound for what never comes


def test_a_model_is_chosen_only_once_the_page_has_loaded_so_that_no_choice_is_taken_back(page: Page) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page()
        tab.set_default_timeout(LONG)
        # Given a page whose first question to the farm is slow
        held: list[Route] = []
        tab.route("**/queue/join*", lambda route: held.append(route), times=1)  # Playwright cannot mark list.append
        tab.goto(page.url)
        model = tab.get_by_label("Model")
        expect(model).to_be_disabled(timeout=LONG)
        # When it is answered
        while not held:
            tab.wait_for_timeout(50)
        expect(model).to_be_disabled()
        held[0].continue_()
        # Then a model can be chosen, and stays
        model.click()
        tab.get_by_role("option", name="sprint-demo").click()
        expect(tab.get_by_role("spinbutton", name="Steps")).to_have_value("1", timeout=LONG)
        expect(model).to_have_value(re.compile("sprint-demo"))
        browser.close()


def test_the_form_follows_the_model_and_a_picture_arrives(page: Page) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(LONG)
        answered: list[str] = []
        tab.on("response", lambda response: answered.append(response.url))
        tab.goto(page.url)

        # Given the first model's form, then that of another
        steps = tab.get_by_role("spinbutton", name="Steps")
        expect(steps).to_have_value("20", timeout=LONG)
        tab.get_by_label("Model").click()
        tab.get_by_role("option", name="sprint-demo").click()
        expect(tab.get_by_role("spinbutton", name="Guidance")).to_be_visible()
        expect(steps).to_have_value("1", timeout=LONG)
        expect(tab.get_by_label("Negative prompt")).to_be_hidden()
        tab.get_by_label("Model").click()
        tab.get_by_role("option", name="sana-demo").click()
        expect(steps).to_have_value("20", timeout=LONG)

        # When the visitor rolls a seed and asks for a picture
        tab.get_by_label("Prompt", exact=True).fill("a red circle on a blue background")
        tab.get_by_role("button", name="Roll the dice").click()
        expect(tab.get_by_label("Seed", exact=True)).not_to_have_value("", timeout=LONG)
        tab.get_by_role("button", name="Render").click()
        renders = eventually(page.farm.take)
        page.farm.step(renders, 7)
        expect(tab.get_by_label("Status")).to_have_value("0 of 1 done, 1 running: stepping, step 7 of 20", timeout=LONG)
        page.farm.finish(renders)

        # Then it arrives, and nothing was fetched from anywhere else
        expect(tab.locator(".grid-container img, .gallery-container img").first).to_be_visible(timeout=LONG)
        hosts = {urlsplit(url).netloc for url in answered if not url.startswith(("data:", "blob:"))}
        assert hosts == {urlsplit(page.url).netloc}
        browser.close()
