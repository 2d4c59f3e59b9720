"""A finished render is rendered again from its page or over the API, and what came of it is told in words."""

import io
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from farm.database import read
from farm.lifecycle import Outcome
from farm.tables import Artifact
from scheduler.admission import submit_verification
from scheduler.leases.settle import Settlement, settle
from tests.dashboard.conftest import House
from tests.dashboard.repeating import Repeater
from tests.dashboard.visiting import PAGE, sign_in, token_of


def done_render(house: House, drawer: Repeater | None = None, **asked: Any) -> dict[str, Any]:
    job = house.submit(seed=7, **asked)
    (drawer or Repeater(house.connections)).draw_everything()
    render: dict[str, Any] = house.renders(job["id"])[0]
    assert render["status"] == "done"
    return render


def begin(house: House, render_id: str) -> Any:
    return house.post(f"/api/v1/renders/{render_id}/verification")


def told(house: House, render_id: str, again: Repeater) -> dict[str, Any]:
    """What the API says once the second render is done."""
    assert begin(house, render_id).status_code == 201
    again.draw_everything()
    found: dict[str, Any] = house.get(f"/api/v1/renders/{render_id}/verification").json
    return found


def test_a_render_that_comes_out_again_is_said_to_be_the_same_file(live_house: House) -> None:
    render = done_render(live_house, negative_prompt="blur", guidance_scale=3.0, title="Mine", **{"class": "bulk"})

    # Given one that is asked to be verified: a job of the project that waits, with the very same parameters
    begun = begin(live_house, render["id"])
    assert begun.status_code == 201
    job = live_house.get(f"/api/v1/jobs/{begun.json['job_id']}").json
    second = live_house.get(f"/api/v1/renders/{begun.json['second_render_id']}").json
    assert (job["verifies_id"], job["total"], job["class"]) == (render["id"], 1, "bulk")
    assert second["parameters"] == render["parameters"]
    assert (begun.json["status"], begun.json["verdict"]) == ("pending", None)
    assert live_house.get(f"/api/v1/renders/{second['id']}/why").json["kind"]

    # While it is under way no second one is begun
    again = begin(live_house, render["id"])
    assert (again.status_code, again.json["job_id"]) == (200, job["id"])

    # When it is done, then it is told, and charged as any job
    Repeater(live_house.connections).draw_everything()
    verification = live_house.get(f"/api/v1/renders/{render['id']}/verification").json
    assert (verification["verdict"], verification["differences"]) == ("same_bytes", [])
    assert live_house.get(f"/api/v1/jobs/{job['id']}").json["spent"]["gpu_seconds"] > 0


def test_of_several_who_ask_at_once_one_begins_and_all_hear_of_it(live_house: House) -> None:
    render = done_render(live_house)
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: begin(live_house, render["id"]), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json["job_id"] for answer in answers}) == 1


def test_a_changed_output_is_said_to_be_different_with_what_may_explain_it(live_house: House) -> None:
    render = done_render(live_house)
    other = Repeater(live_house.connections, device="another GPU", versions={"torch": "3.0"}, off=40, batch_size=2)
    verification = told(live_house, render["id"], other)
    assert (verification["verdict"], verification["psnr"] < verification["tolerance"]) == ("other", True)
    assert verification["largest"] >= 40
    assert verification["differences"] == [
        "torch: 2.9 then, 3.0 now",
        "device: cpu then, another GPU now",
        "renders in a batch: 1 then, 2 now",
    ]


def test_a_difference_that_nobody_sees_is_within_the_tolerance_and_has_its_figures(live_house: House) -> None:
    render = done_render(live_house)
    verification = told(live_house, render["id"], Repeater(live_house.connections, off=1))
    assert (verification["verdict"], verification["largest"]) == ("within", 1)
    assert verification["psnr"] > 48  # of one level in every value: 20 log10 255


def test_a_stored_file_that_somebody_changed_is_different_though_the_manifests_agree(live_house: House) -> None:
    render = done_render(live_house)
    with read(live_house.connections.engine) as connection:
        key = connection.scalar(
            select(Artifact.key).where(Artifact.render_id == render["id"], Artifact.kind == "output")
        )
    stream = io.BytesIO()
    size = (render["rendered_size"]["width"], render["rendered_size"]["height"])
    Image.new("RGB", size, "white").save(stream, "PNG")
    live_house.connections.storage.put(str(key), stream.getvalue(), "image/png")
    verification = told(live_house, render["id"], Repeater(live_house.connections))
    assert verification["verdict"] == "other"
    assert verification["differences"] == ["the stored file is not the one that the manifest tells of"]


def test_clips_are_compared_frame_by_frame(live_house: House) -> None:
    drawer = Repeater(live_house.connections, "wan-demo-local")
    render = done_render(live_house, drawer, model="wan-demo", num_frames=5)
    verification = told(live_house, render["id"], drawer)
    assert verification["verdict"] == "same_bytes"


def test_what_cannot_be_verified_is_refused_and_what_failed_is_told(live_house: House) -> None:
    waiting = live_house.renders(live_house.submit()["id"])[0]
    refused = begin(live_house, waiting["id"])
    assert (refused.status_code, "done" in refused.json["detail"]) == (409, True)
    assert live_house.get(f"/api/v1/renders/{waiting['id']}/verification").status_code == 404

    render = done_render(live_house)
    assert live_house.post(f"/api/v1/renders/{render['id']}/verification", live_house.theirs).status_code == 404
    assert live_house.get(f"/api/v1/renders/{render['id']}/verification", live_house.theirs).status_code == 404
    begin(live_house, render["id"])
    drawer = Repeater(live_house.connections)
    drawer.finish(drawer.take(), reason="the GPU is on fire")
    failed = live_house.get(f"/api/v1/renders/{render['id']}/verification").json
    assert (failed["status"], failed["verdict"], failed["reason"]) == ("failed", None, "the GPU is on fire")


def test_a_second_render_that_went_back_to_wait_has_no_verdict_yet_and_that_is_no_reason_against_one(
    live_house: House,
) -> None:
    render = done_render(live_house)
    begin(live_house, render["id"])
    drawer = Repeater(live_house.connections)
    [taken] = drawer.take()
    given_back = Settlement(taken.id, taken.attempt, Outcome.RETURNED, reason="Its worker was asked to go.")
    settle(live_house.connections.engine, [given_back], live_house.connections.clock(), max_failures=3)
    waiting = live_house.get(page_of(render)).json
    assert (waiting["status"], waiting["verdict"], waiting["reason"]) == ("pending", None, None)
    text = sign_in(live_house).get(f"/renders/{render['id']}", headers=PAGE).get_data(as_text=True)
    assert "It is being rendered again" in text
    assert "It cannot be told." not in text


def test_two_who_ask_at_once_get_one_job_and_who_asks_behind_it_another(
    live_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = done_render(live_house)
    both = threading.Barrier(2, timeout=30)
    check = submit_verification.check

    def slow(*given: Any, **named: Any) -> Any:
        both.wait()  # neither is admitted before the other has looked for one under way
        return check(*given, **named)

    monkeypatch.setattr(submit_verification, "check", slow)
    with ThreadPoolExecutor(2) as pool:
        told = [asked.result() for asked in [pool.submit(begin, live_house, render["id"]) for _ in range(2)]]
    assert sorted(answer.status_code for answer in told) == [200, 201]
    assert told[0].json["job_id"] == told[1].json["job_id"]
    monkeypatch.undo()
    Repeater(live_house.connections).draw_everything()
    assert begin(live_house, render["id"]).json["job_id"] != told[0].json["job_id"]


def test_the_page_has_the_button_says_why_it_waits_and_then_what_came_of_it_in_both_languages(
    live_house: House,
) -> None:
    render = done_render(live_house)
    page = f"/renders/{render['id']}"
    client = sign_in(live_house)
    pressed = client.post(f"{page}/verify", data={"csrf_token": token_of(client, page)}, headers=PAGE)
    assert (pressed.status_code, pressed.headers["Location"]) == (303, f"{page}#verification")
    text = client.get(page, headers=PAGE).get_data(as_text=True)
    assert "It is being rendered again, as a job of its own." in text
    assert "Why it waits" in text

    Repeater(live_house.connections, device="another GPU", off=40).draw_everything()
    text = client.get(page, headers=PAGE).get_data(as_text=True)
    assert "Different." in text
    assert "device: cpu then, another GPU now" in text
    assert "farm verify" in text
    chinese = client.get(page, headers={**PAGE, "Accept-Language": "zh"}).get_data(as_text=True)
    assert "不同。" in chinese
    assert "设备：当时 cpu，现在 another GPU" in chinese

    # Whoever may only look sees what came of it
    job = client.get(f"/jobs/{live_house.get(page_of(render)).json['job_id']}", headers=PAGE).get_data(as_text=True)
    assert page in job


def test_nothing_waits_for_a_video_library_before_two_files_are_looked_at() -> None:
    program = "import sys, farm.verification.compare_stored; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert {"av", "numpy"}.isdisjoint(loaded.stdout.split())


def page_of(render: dict[str, Any]) -> str:
    return f"/api/v1/renders/{render['id']}/verification"
