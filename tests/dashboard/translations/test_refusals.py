"""What is refused of files, and what scorers cannot say, is read in Chinese on Chinese pages."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from flask.testing import FlaskClient

from dashboard.translations.catalogs import FOLDER
from dashboard.translations.stored import stored
from scheduler.gallery.scores import ScoreResult, claim_scores, write_scores
from tests.dashboard.conftest import House
from tests.dashboard.test_inputs import png, upload
from tests.dashboard.test_scores import SCORES, done_job
from tests.dashboard.translations.test_choice import CHINESE
from tests.dashboard.visiting import sign_in, token_of

ROOT = FOLDER.parents[1]
#: Whose texts reach pages as text: from a process of its own, or out of the database.
SAID = re.compile(
    r"farm/(clips|pictures|uploads|adapters/\w+|confined_process)\.py|workers/scoring/.*|farm/demo/prompts.py"
)
_GAP = re.compile(r"%\(\w+\)s")


def _may_say_something(folder: str) -> bool:
    return Path(folder).relative_to(ROOT).parts[:1] in ((), ("farm",), ("workers",))


def test_whatever_files_and_scorers_say_is_recognised_and_translated(visitor: FlaskClient) -> None:
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    said: set[str] = set()
    for path, _, message, _, _ in extract_from_dir(ROOT, methods, options, directory_filter=_may_say_something):
        if SAID.fullmatch(path) and isinstance(message, str):
            said.add(_GAP.sub("x1", message))
    assert len(said) > 50
    with visitor.application.test_request_context(headers=CHINESE):
        assert [text for text in said if len(text) > 10 and stored(text) == text] == []
        assert stored("the clip is broken; save it again and send that") == "该短片已损坏；请重新保存后再发送"


def test_a_file_is_refused_in_chinese_beside_its_name(live_house: House) -> None:
    visitor = sign_in(live_house)
    for data, words in ((png()[:-40], "该图片已损坏；请重新保存后再发送"), (b"text", "不是这里接受的图片")):
        form = {"csrf_token": token_of(visitor, "/inputs"), "picture": (io.BytesIO(data), "a.png")}
        page = visitor.post("/inputs", data=form, headers=CHINESE).get_data(as_text=True)
        assert words in page
    assert upload(live_house, b"text").json["errors"][0]["detail"].startswith("the picture is no picture")


def test_a_job_whose_scorer_has_no_weights_says_so_in_the_language_of_the_reader(house: House) -> None:
    # Given a job whose best is to be chosen by a scorer without weights, which said why it has no figure
    job = done_job(house, 2, scorer="aesthetic", keep_best=1)
    assert house.post(f"{SCORES}?job={job}", json={"scorers": ["aesthetic"]}).status_code == 202
    claimed, _ = claim_scores(house.connections.engine, house.connections.clock(), lease_seconds=30.0, most=10)
    reason = (
        "the scorer 'aesthetic' has no weights: name a folder, or OWNER/NAME@COMMIT of the Hub, in "
        "FARM_SCORER_WEIGHTS (aesthetic=…)"
    )
    results = [(one, ScoreResult(reason=reason)) for one in claimed]
    write_scores(house.connections.engine, results, house.connections.clock())

    # Then its page says so, as the page of scores does, and this one says it beforehand too
    visitor = sign_in(house)
    page = visitor.get(f"/jobs/{job}", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "2 renders have no figure: the scorer &#39;aesthetic&#39; has no weights" in page
    assert "Nothing is chosen without figures: all outputs are kept." in page
    for address in (f"/jobs/{job}", f"/scores?job={job}"):
        assert "评分器 &#39;aesthetic&#39; 没有权重" in visitor.get(address, headers=CHINESE).get_data(as_text=True)
    scores = visitor.get(f"/scores?job={job}", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "Needs weights, and this farm names none" in scores
    assert re.search(r'href="/jobs" aria-current="page"', scores)
    assert "aria-current" not in scores.partition('href="/gallery"')[2].partition("</a>")[0]


@pytest.mark.parametrize("address", ["/scores", "/gallery"])
def test_scores_of_the_gallery_belong_to_the_gallery(visitor: FlaskClient, address: str) -> None:
    page = visitor.get(address, headers={"Accept": "text/html"}).get_data(as_text=True)
    assert re.search(r'href="/gallery" aria-current="page"', page)
