"""Scores over the API and on their page: asked for, listed in the order of their figures, drawn."""

import re
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from dashboard.web.gallery.scores import spread
from scheduler.gallery.scores import ScoreResult, claim_scores, write_scores
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.test_browser import Visit, address, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.dashboard.visiting import PAGE, sign_in, token_of

__all__ = ["address", "browser"]  # fixtures
SCORES = "/api/v1/scores"


def score_all(house: House, *, failing: int = 0) -> dict[str, float]:
    """What `farm scorer` would do: the figures 0, 10, 20, … in the order of the renders; the last ones fail."""
    engine, clock = house.connections.engine, house.connections.clock
    claimed, _ = claim_scores(engine, clock(), lease_seconds=30.0, most=1000)
    claimed.sort(key=lambda one: (one.scorer, one.render_id))
    figures = {one.render_id: 10.0 * place for place, one in enumerate(claimed[: len(claimed) - failing])}
    results = [
        (one, ScoreResult(figures[one.render_id], "test 1") if one.render_id in figures else ScoreResult(reason="odd"))
        for one in claimed
    ]
    write_scores(engine, results, clock())
    return figures


def done_job(house: House, count: int, **asked: Any) -> str:
    job = house.submit(seeds=list(range(count)), **asked)
    finish_everything(house.connections, stored=house.connections.settings.redis_url is not None)
    return str(job["id"])


def test_scorers_are_listed_with_what_they_read(house: House) -> None:
    found = {one["name"]: one for one in house.get("/api/v1/scorers").json["items"]}
    assert found["flicker"]["reads"] == "clips"
    assert [name for name, one in found.items() if one["weights"]] == ["aesthetic", "clip"]


def test_a_job_is_scored_and_listed_page_by_page_in_both_orders(house: House) -> None:
    job = done_job(house, 5)
    asked = house.post(f"{SCORES}?job={job}", json={"scorers": ["sharpness"]})
    assert (asked.status_code, asked.json) == (202, {"renders": 5, "scores": 5, "pending": 5})
    assert house.post(f"{SCORES}?job={job}", json={"scorers": ["sharpness"]}).json["scores"] == 0
    figures = score_all(house, failing=1)

    def listed(**query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            given = {"job": job, "scorer": "sharpness", "limit": 2, "cursor": cursor, **query}
            page = house.get(SCORES, query_string={name: value for name, value in given.items() if value}).json
            items += page["items"]
            if (cursor := page["next_cursor"]) is None:
                assert (page["done"], page["failed"], page["pending"]) == (4, 1, 0)
                return items

    best = listed()
    assert [one["value"] for one in best] == [30.0, 20.0, 10.0, 0.0]
    assert [figures[one["render_id"]] for one in best] == [30.0, 20.0, 10.0, 0.0]
    assert {one["made_by"] for one in best} == {"test 1"}
    assert [one["value"] for one in listed(order="worst")] == [0.0, 10.0, 20.0, 30.0]
    assert [one["reason"] for one in listed(status="failed")] == ["odd"]
    # The gallery chooses by score, and the scores of the gallery are those of the job here.
    good = house.get("/api/v1/renders", query_string={"scorer": "sharpness", "least_score": "15"}).json["items"]
    assert {one["id"] for one in good} == {one["render_id"] for one in best[:2]}
    assert house.get(SCORES, query_string={"scorer": "sharpness"}).json["done"] == 4


@pytest.mark.parametrize(
    ("query", "body", "status", "words"),
    [
        ("", {"scorers": ["beuty"]}, 422, "there is no scorer 'beuty'; did you mean"),
        ("", {"scorers": ["flicker"]}, 422, "flicker looks at clips, and none of the chosen renders is one"),
        ("", {"scorers": []}, 422, "scorers"),
        ("", {"scorers": ["sharpness"], "reference": 1}, 422, "reference"),
        ("?job=018f0000-0000-7000-8000-000000000000", {"scorers": ["sharpness"]}, 404, "no job"),
        ("?job=x", {"scorers": ["sharpness"]}, 404, "no job"),
        ("?limit=3", {"scorers": ["sharpness"]}, 422, "limit"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(
    house: House, query: str, body: dict[str, Any], status: int, words: str
) -> None:
    done_job(house, 1)
    answer = house.post(SCORES + query, json=body)
    assert (answer.status_code, words in answer.get_data(as_text=True)) == (status, True), answer.json


def test_a_cursor_of_another_list_and_a_scorer_that_nobody_asked_are_no_faults_of_the_farm(house: House) -> None:
    done_job(house, 1)
    assert house.get(SCORES, query_string={"scorer": "sharpness", "cursor": "x"}).status_code == 422
    assert house.get(SCORES, query_string={"scorer": "clip"}).json["items"] == []
    assert house.get(SCORES, query_string={"scorer": "nobody"}).status_code == 422
    assert house.get(SCORES).status_code == 422


def test_a_least_score_of_nobody_is_refused_and_does_not_find_everything(house: House) -> None:
    told = house.get("/api/v1/renders?least_score=0.5")
    assert told.status_code == 422
    assert told.json["errors"][0] == {
        "pointer": "/query/least_score",
        "detail": "needs 'scorer', which says whose score is meant",
    }
    assert house.post(f"{SCORES}?least_score=0.5", json={"scorers": ["sharpness"]}).status_code == 422


def test_nobody_scores_or_sees_the_scores_of_another_project(house: House) -> None:
    job = done_job(house, 2)
    house.post(f"{SCORES}?job={job}", json={"scorers": ["sharpness"]})
    score_all(house)
    assert house.get(SCORES, house.theirs, query_string={"scorer": "sharpness"}).json["done"] == 0
    asked = house.post(SCORES, house.theirs, json={"scorers": ["sharpness"]})
    assert asked.json == {"renders": 0, "scores": 0, "pending": 0}
    visitor = sign_in(house, house.theirs)
    assert visitor.get(f"/scores?job={job}", headers=PAGE).status_code == 404
    assert "/renders/" not in visitor.get("/scores?by=sharpness", headers=PAGE).text


def test_the_page_begins_with_a_scorer_that_has_figures(house: House) -> None:
    # Given a job of which one scorer has said nothing, for want of weights, and another, behind it by name, has
    job = done_job(house, 2)
    house.post(f"{SCORES}?job={job}", json={"scorers": ["clip"]})
    score_all(house, failing=2)
    house.post(f"{SCORES}?job={job}", json={"scorers": ["sharpness"]})
    score_all(house)
    # when its page is opened, then it shows the figures.
    page = sign_in(house).get(f"/scores?job={job}", headers=PAGE).get_data(as_text=True)
    assert "How many renders have which score" in page
    assert page.index("by=sharpness") < page.index("by=clip")


def test_the_page_asks_for_scores_and_says_what_came_of_them(house: House) -> None:
    job = done_job(house, 4)
    visitor = sign_in(house)
    path = f"/scores?job={job}"
    empty = visitor.get(path, headers=PAGE).text
    assert "Nothing is scored yet" in empty
    form = {"csrf_token": token_of(visitor, path)}
    assert visitor.post(path, data=form, headers=PAGE).status_code == 422
    sent = visitor.post(path, data=form | {"scorer": "sharpness"}, headers=PAGE)
    assert (sent.status_code, sent.location.endswith("by=sharpness")) == (303, True)
    assert "4 scores are still to come" in visitor.get(sent.location, headers=PAGE).text
    score_all(house, failing=1)
    page = visitor.get(sent.location, headers=PAGE).text
    assert "1 render has no figure: odd" in page
    assert page.index('class="badge score">20<') < page.index('class="badge score">10<')
    worst = visitor.get(f"{sent.location}&order=worst", headers=PAGE).text
    assert worst.index('class="badge score">10<') < worst.index('class="badge score">20<')
    render = house.renders(job)[2]["id"]
    assert ">sharpness</span> 20" in visitor.get(f"/renders/{render}", headers=PAGE).text
    for wrong in ("order=odd", "page=0", "page=x", "score=3", "scorer=sharpness&score=x", "job=x"):
        assert visitor.get(f"/scores?{wrong}", headers=PAGE).status_code in (404, 422), wrong
    assert visitor.get(f"{path}&page=99", headers=PAGE).status_code == 200


def test_the_gallery_has_what_its_filter_shows_scored_by_a_button(house: House) -> None:
    done_job(house, 2, prompt="a red circle")
    done_job(house, 3, prompt="a blue square")
    visitor = sign_in(house)
    page = visitor.get("/gallery?text=blue", headers=PAGE).get_data(as_text=True)
    assert "among the newest 20,000 renders" in page
    [action] = re.findall(r'action="(/scores[^"]*)"', page)
    form = {"csrf_token": token_of(visitor, "/gallery"), "scorer": "sharpness"}
    sent = visitor.post(unescape(action), data=form, headers=PAGE)
    assert sent.status_code == 303
    assert "3 scores are still to come" in visitor.get(sent.location, headers=PAGE).get_data(as_text=True)
    # Where nothing is shown there is nothing to score.
    for query in ("?text=green", "?deleted=1", "?rating=9"):
        assert 'action="/scores' not in visitor.get(f"/gallery{query}", headers=PAGE).get_data(as_text=True), query


@needs_chromium
def test_the_scores_of_a_job_are_drawn_and_sorted_in_a_browser(
    live_house: House, browser: Browser, address: str
) -> None:
    # Given a job whose renders are done, and a person who asks for their scores on its page
    job = done_job(live_house, 6)
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(f"{address}/jobs/{job}")
    page.get_by_role("link", name="Scores").click()
    page.get_by_role("checkbox", name="sharpness").check()
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.get_by_text("6 scores are still to come.")).to_be_visible()

    # When they are scored, the page draws them and lists the best first, without being loaded again
    score_all(live_house)
    expect(page.locator("svg.chart .series rect")).not_to_have_count(0)
    badges = page.locator(".badge.score")
    expect(badges).to_have_text(["50", "40", "30", "20", "10", "0"])

    # And the other way round
    page.get_by_role("link", name="Worst first").click()
    expect(badges).to_have_text(["0", "10", "20", "30", "40", "50"])
    assert visit.said == []


def test_the_labels_of_figures_that_are_nearly_alike_tell_them_apart() -> None:
    chart = spread([0.95600, 0.95604, 0.95610]).chart
    shown = re.findall(r"<text[^>]*>(0\.956\d*)</text>", chart)
    assert len(set(shown)) == len(shown) > 2
    assert shown[0] == "0.956"
