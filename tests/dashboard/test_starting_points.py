"""A finished picture is where the next one starts from: by a button, over the API and on the command line's way."""

from urllib.parse import parse_qs, urlsplit

from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.visiting import PAGE, sign_in, token_of


def done(house: House, model: str = "sana-demo", **asked: object) -> str:
    job = house.submit(model=model, prompt="a red circle", seed=7, **asked)
    Drawer(house.connections, f"{model}-local").draw_everything()
    render: str = house.renders(job["id"])[0]["id"]
    return render


def test_the_button_opens_the_form_of_a_model_that_starts_from_the_picture(live_house: House) -> None:
    render = done(live_house, width=128, height=128)
    visitor = sign_in(live_house)
    for page in (f"/renders/{render}", f"/gallery/{render}"):
        assert "Start from this" in visitor.get(page, headers=PAGE).get_data(as_text=True)
    pressed = visitor.post(f"/renders/{render}/start", data={"csrf_token": token_of(visitor, f"/renders/{render}")})
    assert pressed.status_code == 303
    query = parse_qs(urlsplit(pressed.headers["Location"]).query)
    [upload] = live_house.get("/api/v1/inputs").json["items"]
    assert (query["model"], query["image"], query["prompt"]) == (["sprint-demo"], [upload["id"]], ["a red circle"])
    assert (upload["name"], upload["width"], upload["height"]) == ("a red circle, 7.png", 128, 128)
    form = visitor.get(pressed.headers["Location"], headers=PAGE).get_data(as_text=True)
    assert f'<option value="{upload["id"]}" selected>' in form
    assert live_house.submit(model="sprint-demo", prompt="x", image=upload["id"])["total"] == 1


def test_a_picture_is_taken_once_and_only_by_its_project(live_house: House) -> None:
    render = done(live_house)
    path = f"/api/v1/renders/{render}/input"
    first, second = live_house.post(path), live_house.post(path)
    assert (first.status_code, second.status_code, first.json["id"]) == (201, 200, second.json["id"])
    assert live_house.post(path, live_house.theirs).status_code == 404


def test_what_has_no_output_or_no_model_to_start_is_refused_in_words(live_house: House) -> None:
    waits = live_house.renders(live_house.submit()["id"])[0]["id"]
    refused = live_house.post(f"/api/v1/renders/{waits}/input")
    assert (refused.status_code, "keeps its output" in refused.json["detail"]) == (409, True)
    live_house.post(f"/api/v1/renders/{waits}/cancel")
    clip = done(live_house, "wan-demo", num_frames=5)  # no model here starts from a clip
    visitor = sign_in(live_house)
    page = f"/renders/{clip}"
    assert "Start from this" not in visitor.get(page, headers=PAGE).get_data(as_text=True)
    pressed = visitor.post(f"{page}/start", data={"csrf_token": token_of(visitor, page)}, headers=PAGE)
    assert pressed.status_code == 409
