"""`make screenshot`: the pictures of the README, taken from a real farm that renders."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from farm.client import FarmClient
from farm.local.stack import LocalStack
from farm.settings import Settings

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PROMPTS = [
    "a large red circle in the centre on a blue background",
    "蓝色背景上中间的大号红色圆形",
    "a large yellow star at the top on a purple background",
    "a small green triangle at the top left on a white background",
    "a large orange square at the bottom right on a black background",
    "a small white circle on the left on a red background",
    "a large blue star in the centre on a yellow background",
    "a large green circle on the right on a white background",
    "a large purple triangle in the centre on a green background",
    "a small yellow square at the top right on a blue background",
    "红色背景上中间的大号白色星形",
    "a large orange triangle at the bottom on a purple background",
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def main() -> None:
    """Start a farm in a folder of its own, render, take the pictures, stop it."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="farm-pictures-") as folder:
        settings = Settings(data_dir=Path(folder), dashboard_port=0)
        with LocalStack(settings) as stack, FarmClient(stack.url, stack.key) as farm:
            clip = farm.submit("wan-demo", "a red circle moving left on a blue background", seed=3)
            sprint = farm.submit("sprint-demo", PROMPTS[2:4], seed_count=2)
            farm.wait_all([clip.id, sprint.id])
            running = farm.submit("sana-demo", PROMPTS, seed_count=2, title="Shapes, two seeds each")
            _take(stack.sign_in_link, farm, running.id)


def _take(sign_in_link: str, farm: FarmClient, job_id: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1)
        page.goto(sign_in_link)
        page.get_by_role("button").first.click()
        base = sign_in_link.partition("/sign-in/")[0]
        page.goto(f"{base}/jobs/{job_id}")
        page.locator(".render img").nth(7).wait_for(timeout=120_000)
        _shoot(page, "job")
        farm.wait(job_id)
        [first, *_] = farm.renders(job_id)
        for name, path in {
            "job-done": f"jobs/{job_id}",
            "jobs": "jobs",
            "submit": "submit",
            "workers": "workers",
            "picture": f"renders/{first.id}",
        }.items():
            page.goto(f"{base}/{path}")
            page.wait_for_load_state("networkidle" if name == "submit" else "load")
            _shoot(page, name)
        page.set_viewport_size({"width": 390, "height": 844})
        for name, path in {"phone-job": f"jobs/{job_id}", "phone-submit": "submit"}.items():
            page.goto(f"{base}/{path}")
            page.wait_for_load_state("load")
            _shoot(page, name)
        browser.close()


def _shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(800)  # fonts and thumbnails settle
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
