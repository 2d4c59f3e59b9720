"""The pages, read and used without JavaScript."""

import re
from collections.abc import Sequence

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from werkzeug.datastructures import MultiDict

from dashboard.web.form.submission import by_field, form_of, read_typed
from farm.database import write
from farm.errors import Fault, InvalidRequest
from farm.params import check_request
from farm.params.forms import parameters_schema
from farm.tables import Render
from scheduler.control import end_jobs
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, token_of
from tests.dashboard.visiting import typed as _typed


def _text(client: FlaskClient, path: str) -> str:
    answer = client.get(path, headers=PAGE)
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def test_an_empty_farm_says_what_to_do(visitor: FlaskClient) -> None:
    assert "Submit the first job" in _text(visitor, "/jobs")
    assert "farm worker --pool sana-demo-local" in _text(visitor, "/workers")


def test_the_form_submits_a_job_and_leads_to_its_page(house: House, visitor: FlaskClient) -> None:
    prompt = "a red circle on a blue background\n\n  蓝色背景上的红色圆形 \n"
    answer = visitor.post("/submit", data=_typed(visitor, prompt=prompt, seeds="7, 8"), headers=PAGE)
    assert answer.status_code == 303
    page = _text(visitor, answer.headers["Location"])
    assert "0 of 4" in page
    assert page.count("蓝色背景上的红色圆形") >= 2
    request = house.get("/api/v1/jobs").json["items"][0]["request"]
    assert request["prompt"] == ["a red circle on a blue background", "蓝色背景上的红色圆形"]
    assert request["seeds"] == [7, 8]


def test_faults_stand_beside_their_fields_and_what_was_typed_stays(visitor: FlaskClient) -> None:
    typed = _typed(
        visitor, prompt="fine\n" + "x" * 500, num_inference_steps="999", sampler="euler", size="other", width="1"
    )
    answer = visitor.post("/submit", data=typed, headers=PAGE)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    lists = dict(re.findall(r'data-faults="(\w*)"[^>]*>(.*?)</ul>', page, flags=re.DOTALL))
    assert "line 2" in lists["prompt"]
    assert "999" in lists["num_inference_steps"]
    assert "seen 1" in lists["width"]
    assert not lists["seed_count"].strip()
    assert 'value="999"' in page
    assert '<option value="euler" selected>euler</option>' in page.replace("  ", " ")


def test_the_same_form_sent_twice_makes_one_job_and_a_changed_one_makes_another(
    house: House, visitor: FlaskClient
) -> None:
    typed = _typed(visitor, prompt="a red circle", form_id="01a20936-152b-75ce-80a1-dcf6f4b2b4a5")
    places = [visitor.post("/submit", data=typed, headers=PAGE).headers["Location"] for _ in range(2)]
    assert places[0] == places[1]
    changed = {**typed, "prompt": "a green circle"}
    assert visitor.post("/submit", data=changed, headers=PAGE).headers["Location"] != places[0]
    assert len(house.get("/api/v1/jobs").json["items"]) == 2


def test_the_pages_script_gets_faults_as_a_problem_document(visitor: FlaskClient) -> None:
    answer = visitor.post("/submit", data=_typed(visitor, prompt=""), headers={"Accept": "application/problem+json"})
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.json["errors"]


def test_submit_again_asks_for_the_very_same_render(house: House, visitor: FlaskClient) -> None:
    asked = {"num_inference_steps": 9, "guidance_scale": 3.5, "sampler": "heun", "width": 160, "height": 128}
    job = house.submit(prompt="a <b>red</b> circle", negative_prompt="a star", seed=77, **asked)
    first = house.renders(job["id"])[0]
    page = _text(visitor, f"/submit?again={first['id']}")
    typed = _fields(page)
    answer = visitor.post("/submit", data=typed, headers=PAGE)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    again = house.renders(answer.headers["Location"].rpartition("/")[2])[0]
    assert again["parameters"] == first["parameters"]


def _fields(page: str) -> MultiDict[str, str]:
    """What a browser would send when the page's form is sent as it is."""
    from html.parser import HTMLParser

    found: MultiDict[str, str] = MultiDict()

    class Reader(HTMLParser):
        inside = area = select = ""

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            has = dict(attributes)
            if tag == "form":
                self.inside = has.get("id") or ""
            name = has.get("name") or ""
            if self.inside != "submit":
                return
            if tag == "input" and (has.get("type") not in ("radio", "checkbox") or "checked" in has):
                found.add(name, has.get("value") or ("on" if has.get("type") == "checkbox" else ""))
            elif tag == "select":
                self.select = name
            elif tag == "option" and "selected" in has:
                self.area = self.select
            elif tag == "textarea":
                self.area = name

        def handle_data(self, data: str) -> None:
            if self.area and self.area not in found:
                found.add(self.area, data.strip())

        def handle_endtag(self, tag: str) -> None:
            if tag in ("textarea", "option"):
                self.area = ""

    Reader().feed(page)
    return found


def test_a_model_that_no_pool_serves_is_refused_with_the_reason(house: House, visitor: FlaskClient) -> None:
    shown = _text(visitor, "/submit?model=sana-1600m-1024px")
    assert "No pool of this farm serves this model" in shown
    answer = visitor.post("/submit", data=_fields(shown) | {"prompt": "a red circle"}, headers=PAGE)
    assert answer.status_code == 422
    assert "nothing would ever render it" in answer.get_data(as_text=True)
    assert house.get("/api/v1/jobs").json["items"] == []


@pytest.mark.parametrize("model", ["sana-demo", "sprint-demo", "wan-demo"])
def test_every_models_form_as_it_is_first_shown_is_accepted(house: House, visitor: FlaskClient, model: str) -> None:
    typed = _fields(_text(visitor, f"/submit?model={model}"))
    typed["prompt"] = "a red circle on a blue background"
    answer = visitor.post("/submit", data=typed, headers=PAGE)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    render = house.renders(answer.headers["Location"].rpartition("/")[2])[0]
    entry = house.connections.catalog.model(model)
    kept = render["parameters"]
    of_pictures = {"strength"} if kept.get("image") is None else set()
    shown = {name: value for name, value in entry.defaults.items() if name in kept.keys() - of_pictures}
    assert {name: kept[name] for name in shown} == shown


def test_prompts_are_shown_as_text_and_never_run(house: House, visitor: FlaskClient) -> None:
    job = house.submit(prompt="<script>alert(1)</script>", title='"><img src=x onerror=alert(1)>')
    render = house.renders(job["id"])[0]
    for path in ("/jobs", f"/jobs/{job['id']}", f"/renders/{render['id']}", f"/submit?again={render['id']}"):
        page = _text(visitor, path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_the_job_page_has_buttons_for_what_may_be_done(house: House, visitor: FlaskClient) -> None:
    job = house.submit(seed_count=2)
    page = f"/jobs/{job['id']}"
    assert "Cancel the job" in _text(visitor, page)
    assert visitor.post(f"{page}/cancel", data={"csrf_token": token_of(visitor, page)}).status_code == 303
    text = _text(visitor, page)
    assert "Cancel the job" not in text
    assert "2 cancelled" in text


def test_a_job_that_is_being_ended_offers_no_changes_and_leaves_the_queue(
    house: House, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_jobs, "ANSWER_SECONDS", -1.0)  # as of a job of a million renders
    job = house.submit()["id"]
    assert f"/jobs/{job}" in _text(visitor, "/queue")

    assert house.post(f"/api/v1/jobs/{job}/cancel").json["ending"] == "cancelled"

    page = _text(visitor, f"/jobs/{job}")
    assert "It is being ended (cancelled); nothing of it begins any more." in page
    assert 'data-state="cancelled"' in page
    for change in ("pause", "front", "class", "cancel", "delete"):
        assert f'action="/jobs/{job}/{change}"' not in page
    assert f"/jobs/{job}" not in _text(visitor, "/queue")


def test_a_failed_render_says_why_and_can_be_tried_again(house: House, visitor: FlaskClient) -> None:
    render = house.renders(house.submit()["id"])[0]
    with write(house.connections.engine) as connection:
        connection.execute(
            update(Render).where(Render.id == render["id"]).values(status="failed", reason="out of memory")
        )
    page = f"/renders/{render['id']}"
    text = _text(visitor, page)
    assert "out of memory" in text
    assert "Try again" in text


def test_filters_and_pages_of_the_job_list(house: House, visitor: FlaskClient) -> None:
    made = [house.submit(title=f"number {number}")["id"] for number in range(23)]
    first = _text(visitor, "/jobs")
    assert all(job_id in first for job_id in made[3:])
    assert not any(job_id in first for job_id in made[:3])
    older = re.search(r'href="(/jobs\?cursor=[^"]+)" rel="next"', first)
    assert older
    second = _text(visitor, older[1])
    assert all(job_id in second for job_id in made[:3])
    assert "No failed jobs" in _text(visitor, "/jobs?show=failed")


def test_a_wrong_address_gives_people_a_page_and_programs_a_document(visitor: FlaskClient) -> None:
    page = visitor.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    document = visitor.get("/nothing", headers={"Accept": "*/*"})
    assert (document.status_code, document.mimetype) == (404, "application/problem+json")


TYPED = st.dictionaries(
    st.sampled_from(
        [
            "prompt",
            "seeds",
            "seed_count",
            "size",
            "width",
            "height",
            "num_inference_steps",
            "sampler",
            "guidance_scale",
            "num_frames",
            "flow_shift",
            "deterministic",
            "title",
            "class",
            "negative_prompt",
        ]
    ),
    st.text(max_size=30) | st.sampled_from(["128", "1e400", "-0", "9" * 50, "128x128", "nan", "٣", "1_0", "euler"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=TYPED, model=st.sampled_from(["sana-demo", "sprint-demo", "wan-demo"]))
def test_whatever_is_typed_is_submitted_or_refused_with_faults_that_find_their_place(
    house: House, typed: dict[str, str], model: str
) -> None:
    form = form_of(parameters_schema(house.connections.catalog.model(model)))
    document = read_typed(MultiDict({"model": model, **typed}), form)
    faults: Sequence[Fault] = ()
    try:
        check_request(document, house.connections.catalog, max_renders=100)
    except InvalidRequest as refused:
        faults = refused.faults
    assert sum(map(len, by_field(faults, form).values())) == len(faults)


def test_faults_without_a_field_of_their_own_stand_above_the_form(house: House) -> None:
    form = form_of(parameters_schema(house.connections.catalog.model("sana-demo")))
    faults = [Fault("", "all wrong"), Fault("/model", "unknown"), Fault("/prompt/2", "bad"), Fault("/seed", "big")]
    assert by_field(faults, form) == {"": ["all wrong", "unknown"], "prompt": ["line 3: bad"], "seeds": ["big"]}


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/jobs/nowhere", 404), ("/problems/not-found", 200)])
def test_a_page_about_an_error_keeps_the_menu_of_whoever_is_signed_in(
    house: House, visitor: FlaskClient, path: str, status: int
) -> None:
    answer = visitor.get(path, headers=PAGE)
    assert answer.status_code == status
    assert 'aria-label="Main"' in answer.text
    assert 'aria-label="Main"' not in house.client.get(path, headers=PAGE, follow_redirects=True).text
    if status == 404:
        expired = visitor.post("/submit", data={"csrf_token": "wrong"}, headers=PAGE)
        assert (expired.status_code, 'aria-label="Main"' in expired.text) == (403, True)
