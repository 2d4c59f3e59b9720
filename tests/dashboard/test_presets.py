"""Presets of the Submit form and the prompts of before: each person's own."""

import pytest

from farm.accounts import create_key, create_user
from farm.security import Role
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.visiting import PAGE, sign_in, typed


def _colleague(house: House) -> Tenant:
    """Somebody else of the same project."""
    engine, project = house.connections.engine, house.ours.project_id
    user = create_user(engine, project, "colleague", Role.ARTIST, "the password of a colleague")
    key = create_key(engine, project, name="tests", user_id=user).secret
    return Tenant(project, user, "colleague", "the password of a colleague", key)


def test_a_preset_fills_in_all_that_was_typed_and_only_for_its_person(house: House) -> None:
    visitor = sign_in(house)
    form = typed(visitor, prompt="a red circle\na blue square", seeds="7, 8", preset_name="my poster", title="Poster")
    form |= {"sweep": "guidance = 1, 3", "guidance_scale": "2.5", "deterministic": "on"}
    saved = visitor.post("/presets", data=form)
    assert saved.status_code == 303, saved.get_data(as_text=True)
    [kept] = house.get("/api/v1/presets").json["items"]
    assert (kept["name"], kept["fields"]["sweep"]) == ("my poster", "guidance = 1, 3")
    assert not {"csrf_token", "form_id", "preset_name"} & set(kept["fields"])

    page = visitor.get(str(saved.headers["Location"])).get_data(as_text=True)
    for shown in ("a red circle\na blue square</textarea>", 'value="7, 8"', "guidance = 1, 3</textarea>", 'value="2.5"',
                  'value="Poster"', 'name="deterministic" checked'):  # fmt: skip
        assert shown in page, shown
    assert "my poster" in visitor.get("/submit").get_data(as_text=True)

    # Kept again under its name it is replaced; nobody else has it
    house.post("/api/v1/presets", json={"name": "my poster", "fields": {"prompt": "a star"}})
    [again] = house.get("/api/v1/presets").json["items"]
    assert (again["id"], again["fields"]) == (kept["id"], {"prompt": "a star"})
    for other in (_colleague(house), house.theirs):
        assert house.get("/api/v1/presets", other).json["items"] == []
        assert house.client.delete(f"/api/v1/presets/{kept['id']}", headers=other.headers).status_code == 404
        assert sign_in(house, other).get(f"/submit?preset={kept['id']}").status_code == 404
    removed = visitor.post(f"/presets/{kept['id']}/remove", data=form)
    assert (removed.status_code, removed.headers["Location"]) == (303, "/submit?model=sana-demo")
    assert house.get("/api/v1/presets").json["items"] == []


def test_a_preset_of_a_model_that_the_farm_has_no_more_can_be_looked_at_and_removed(house: House) -> None:
    fields = {"model": "gone-1600m", "prompt": "a red circle"}
    kept = house.post("/api/v1/presets", json={"name": "my poster", "fields": fields}).json["id"]
    visitor = sign_in(house)

    page = visitor.get(f"/submit?preset={kept}")

    shown = page.get_data(as_text=True)
    assert page.status_code == 200
    assert "This farm has no model gone-1600m any more" in shown
    assert "a red circle</textarea>" in shown
    assert f"/presets/{kept}/remove" in shown


@pytest.mark.parametrize("name", [" ", "two\nlines", "a\tb"])
def test_a_name_is_refused_without_a_regular_expression(house: House, name: str) -> None:
    answer = house.post("/api/v1/presets", json={"name": name, "fields": {"prompt": "x"}})
    [fault] = answer.json["errors"]
    assert fault["detail"] == f"must be one line of characters that are seen; seen {name!r}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "fields": {}},
        {"name": "x"},
        {"name": "x", "fields": {"Not A Field": "1"}},
        {"name": "x", "fields": {"prompt": 5}},
        {"name": "x", "fields": {"prompt": "a\u0000b"}},
        {"name": "x", "fields": {f"field{number}": "" for number in range(101)}},
        {"name": "x", "fields": {"prompt": "x" * 150_000, "negative_prompt": "x" * 150_000}},
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(house: House, wrong: dict[str, object]) -> None:
    answer = house.post("/api/v1/presets", json=wrong)
    assert (answer.status_code, bool(answer.json["errors"])) == (422, True)


def test_the_form_offers_the_prompts_of_ones_own_newest_jobs_each_once(house: House) -> None:
    other = _colleague(house)
    house.submit(other, prompt="of a colleague")
    for prompt in ("first", ["second", "not this"], "first", "[third, 1]"):
        house.submit(prompt=prompt)
    assert house.get("/api/v1/prompts").json["items"] == ["[third, 1]", "first", "second"]
    assert house.get("/api/v1/prompts?limit=1").json["items"] == ["[third, 1]"]
    assert house.get("/api/v1/prompts", other).json["items"] == ["of a colleague"]
    page = sign_in(house).get("/submit", headers=PAGE).get_data(as_text=True)
    assert 'data-prompt="second"' in page
    assert "of a colleague" not in page
