"""The form by mouse: sliders, adapters that fit, the price while one types, and a file that is dropped on it."""

import base64
import json
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.test_adapter_uploads import lora
from tests.dashboard.test_browser import PATIENCE, Visit, address, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.dashboard.test_from_file import picture
from tests.dashboard.test_inputs import upload
from tests.dashboard.test_trainings_api import clip

__all__ = ["address", "browser"]  # fixtures
pytestmark = needs_chromium
#: Drops a file, in base64, on the page.
DROP = """(data) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], 'made.png', { type: 'image/png' }));
    const over = { dataTransfer: dropped, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent('dragover', over));
    document.body.dispatchEvent(new DragEvent('drop', over));
}"""


def test_sliders_adapters_and_the_price_follow_what_one_does(
    live_house: House,
    browser: Browser,
    address: str,
) -> None:
    # Given a worker, an adapter that fits the model and one that fits another
    Drawer(live_house.connections, "sana-demo-local")
    upload(live_house, lora(), "Ink Sketch.safetensors")
    upload(live_house, lora(layers=["blocks.0.attn1.to_q"]), "swaying.safetensors")
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(address + "/submit?model=sana-demo")

    # When the slider of the steps is moved, then the number follows, and the other way round
    slider = page.locator("[data-slides=num_inference_steps]")
    slider.fill("33")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("33")
    page.get_by_label("Steps", exact=True).fill("7")
    expect(slider).to_have_value("7")

    # What fits is offered, and nothing else; what is chosen stands in the field under its name
    offered = page.get_by_label("Add an adapter that fits this model")
    expect(offered.locator("option")).to_have_text(["Add the one that fits …", "Ink Sketch"])
    offered.select_option(label="Ink Sketch")
    expect(page.locator("#loras")).to_have_value("Ink Sketch:1")

    # What it costs and when it is done is said before the button is pressed, and no more once there is a fault
    page.get_by_label("Prompts").fill("a red circle")
    quote = page.locator("[data-quote]")
    expect(quote).to_contain_text("GPU time", timeout=PATIENCE)
    page.get_by_label("Steps", exact=True).fill("999")
    expect(quote).to_have_text("", timeout=PATIENCE)
    page.get_by_label("Steps", exact=True).fill("7")
    expect(quote).to_contain_text("GPU time", timeout=PATIENCE)
    page.get_by_role("button", name="Render", exact=True).click()
    page.wait_for_url("**/jobs/*-*")
    [job] = live_house.get("/api/v1/jobs").json["items"]
    [render] = live_house.renders(job["id"])
    assert render["parameters"]["num_inference_steps"] == 7
    assert [one["file"] for one in render["parameters"]["loras"]] == ["Ink Sketch"]
    assert visit.said == []


def test_a_picture_that_is_dropped_on_the_form_fills_it_in(
    live_house: House,
    browser: Browser,
    address: str,
) -> None:
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(address + "/submit?model=wan-demo")
    parameters = {"prompt": "a red circle", "seed": 7, "num_inference_steps": 12, "width": 160, "height": 128}
    made = picture(latent_farm=json.dumps({"model": {"name": "sana-demo"}, "parameters": parameters}))
    page.evaluate(DROP, base64.b64encode(made.getvalue()).decode())
    page.wait_for_url("**/submit/from-file")
    expect(page.get_by_text("Filled in from made.png.")).to_be_visible()
    expect(page.get_by_label("Prompts")).to_have_value("a red circle")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("12")
    page.get_by_role("button", name="Render", exact=True).click()
    page.wait_for_url("**/jobs/*-*")
    assert live_house.get("/api/v1/jobs").json["items"][0]["request"]["seeds"] == [7]
    assert visit.said == []


def test_drafts_are_picked_with_keys(
    live_house: House,
    browser: Browser,
    address: str,
) -> None:
    # Given four drafts of one prompt on a job's page
    job = live_house.submit(prompt="a red circle", seeds=[1, 2, 3, 4], stop_at_step=5)
    drawer = Drawer(live_house.connections, "sana-demo-local")
    drawer.draft(drawer.take())
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(f"{address}/jobs/{job['id']}")
    expect(page.locator(".badge.draft")).to_have_count(4, timeout=PATIENCE)

    # When the first is dropped and the third kept, and of all only the second after all
    page.evaluate("window.same = true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator(".badge.draft")).to_have_count(3, timeout=PATIENCE)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(page.locator(".badge.draft")).to_have_count(2, timeout=PATIENCE)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    expect(page.locator(".badge.draft")).to_have_count(0, timeout=PATIENCE)

    # Then each is as it was chosen, and the page was never loaded anew
    statuses = [one["status"] for one in live_house.renders(job["id"])]
    assert statuses == ["cancelled", "pending", "cancelled", "cancelled"]
    assert page.evaluate("window.same") is True
    assert visit.said == []


def test_of_wan_animate_each_clip_has_a_list_of_its_own_and_is_seen_when_it_is_chosen(
    live_house: House, browser: Browser, address: str, tmp_path: Path
) -> None:
    # Given a clip and a picture among the uploads, and the form of a model that takes both,
    moving = clip(live_house, tmp_path)
    upload(live_house, picture().getvalue(), "hero.png")
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(address + "/submit?model=wan22-animate-14b")
    # when a clip of poses is chosen, then only clips were offered, and its first frame is shown;
    poses = page.get_by_label("Poses (a clip)")
    expect(poses.locator("option")).to_have_count(2)
    poses.select_option(moving)
    shown = page.locator("[data-shows=pose_video]")
    expect(shown).to_be_visible(timeout=PATIENCE)
    expect(shown).to_have_attribute("src", f"/inputs/{moving}/thumbnail")
    # a picture will do for the background and the mask, which are for replacing, and none is shown before it is chosen.
    expect(page.get_by_label("Background (to replace)").locator("option")).to_have_count(3)
    expect(page.get_by_label("Mask of the character (to replace)").locator("option")).to_have_count(3)
    expect(page.locator("[data-shows=background_video]")).to_be_hidden()
    page.get_by_label("Poses (a clip)").select_option("")
    expect(shown).to_be_hidden()
    assert visit.said == []


def test_another_model_keeps_the_words_and_the_seeds(live_house: House, browser: Browser, address: str) -> None:
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(f"{address}/submit?model=sana-demo")
    page.get_by_label("Prompts").fill('a red circle\n蓝色圆形 & 50% "more"')
    page.locator("#seeds").fill("7, 8")
    page.locator("#models a:not([aria-current])").first.click()
    page.wait_for_url(lambda url: "model=sana-demo" not in url)
    expect(page.get_by_label("Prompts")).to_have_value('a red circle\n蓝色圆形 & 50% "more"')
    expect(page.locator("#seeds")).to_have_value("7, 8")
    assert visit.said == []
