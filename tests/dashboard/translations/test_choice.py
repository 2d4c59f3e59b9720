"""Which language a person gets: the one chosen, or the first of the browser's that the pages speak; never another's."""

import pytest
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from dashboard.translations.catalogs import FOLDER
from dashboard.translations.choice import COOKIE
from dashboard.translations.said import said
from dashboard.web.admin.audit_names import ACTION_NAMES
from farm.audit.record import Action
from farm.catalog.loading import load_catalog
from farm.settings import load_settings
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.visiting import PAGE, token_of, typed

CHINESE = {**PAGE, "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (None, "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hans-SG", "zh-Hans"),
        ("de-AT,zh-CN;q=0.5,en;q=0.3", "zh-Hans"),
        ("en,zh-CN;q=0.5", "en"),
        ("zh-TW,en;q=0.5", "en"),  # written in other characters
        ("zh;q=0,en;q=0.5", "en"),
        ("*, xx-!!;q=0.9, " + "z" * 5000, "en"),
    ],
)
def test_a_browser_gets_the_first_of_its_languages_that_the_pages_speak(
    house: House, wanted: str | None, language: str
) -> None:
    headers = PAGE if wanted is None else {**PAGE, "Accept-Language": wanted}
    page = house.client.get("/sign-in", headers=headers)
    assert f'<html lang="{language}">' in page.get_data(as_text=True)
    assert page.headers["Content-Language"] == language
    assert ("登录" in page.get_data(as_text=True)) == (language == "zh-Hans")


def test_the_language_that_a_person_chooses_is_remembered_and_goes_before_the_browsers(visitor: FlaskClient) -> None:
    form = {"language": "zh-Hans", "next": "/jobs?show=done", "csrf_token": token_of(visitor, "/jobs")}
    answer = visitor.post("/language", data=form, headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?show=done")
    assert 'lang="zh-Hans"' in visitor.get("/workers", headers=PAGE).get_data(as_text=True)
    visitor.post("/language", data={**form, "language": "en"}, headers=PAGE)
    assert '<html lang="en">' in visitor.get("/workers", headers=CHINESE).get_data(as_text=True)


@pytest.mark.parametrize("sent", ["", "xx", "../en", "zh_Hans", "z" * 5000, "\x00"])
def test_a_language_that_is_none_of_ours_is_refused(visitor: FlaskClient, sent: str) -> None:
    form = {"language": sent, "csrf_token": token_of(visitor, "/jobs")}
    answer = visitor.post("/language", data=form, headers=PAGE)
    assert answer.status_code == 422
    assert "Set-Cookie" not in answer.headers or COOKIE not in answer.headers["Set-Cookie"]


def test_the_switch_leads_to_pages_of_the_farm_alone(visitor: FlaskClient) -> None:
    form = {"language": "en", "next": "https://elsewhere.example/", "csrf_token": token_of(visitor, "/jobs")}
    assert visitor.post("/language", data=form, headers=PAGE).headers["Location"] == "/jobs"


def test_a_forged_cookie_means_nothing(house: House) -> None:
    client = house.client
    client.set_cookie(COOKIE, "../../etc/passwd")
    assert '<html lang="en">' in client.get("/sign-in", headers=PAGE).get_data(as_text=True)


def test_caches_are_told_that_a_page_depends_on_the_language_and_a_picture_does_not(
    house: House, visitor: FlaskClient
) -> None:
    house.submit()
    finish_everything(house.connections)
    page = visitor.get("/gallery", headers=CHINESE)
    assert {"Accept-Language", "Cookie"} <= set(page.vary)
    thumb = house.get("/api/v1/renders").json["items"][0]["artifacts"]
    [small] = [file for file in thumb if file["kind"] == "thumbnail"]
    picture = visitor.get(f"/artifacts/{small['id']}", headers=CHINESE)
    assert picture.status_code == 302
    assert "Accept-Language" not in picture.vary
    assert "Content-Language" not in picture.headers
    with visitor.get(f"{house.app.static_url_path}/live.js", headers=CHINESE) as script:
        assert "Accept-Language" not in script.vary


def test_the_api_answers_in_english_whatever_the_browser_reads(house: House) -> None:
    headers = {**house.ours.headers, **CHINESE}
    asked = {"model": "sana-demo", "prompt": "", "num_inference_steps": 999}
    answer = house.client.post("/api/v1/jobs", headers={**headers, "Accept": "application/json"}, json=asked)
    english = house.post("/api/v1/jobs", json=asked)
    assert answer.json["errors"] == english.json["errors"]
    assert "must be between" in answer.get_data(as_text=True)
    why = f"/api/v1/jobs/{house.submit()['id']}/why"
    assert house.client.get(why, headers=headers).json["sentence"] == house.get(why).json["sentence"]
    assert house.get(why).json["sentence"].isascii()


def test_a_page_tells_what_is_wrong_and_why_something_waits_in_its_language(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt="x\n" + "y" * 500, num_inference_steps="999")
    page = visitor.post("/submit", data=form, headers=CHINESE).get_data(as_text=True)
    assert "第 2 行：最多" in page
    assert "现在是 999" in page
    script = {**CHINESE, "Accept": "application/problem+json"}
    told = visitor.post("/submit", data=form, headers=script)
    assert any("现在是 999" in fault["detail"] for fault in told.json["errors"])
    waiting = visitor.get(f"/jobs/{house.submit()['id']}", headers=CHINESE).get_data(as_text=True)
    assert "没有运行中的工作进程" in waiting


def test_lists_are_read_under_the_names_that_the_page_gives_their_fields(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt="一个红色圆形", sweep="引导系数 = 1, 3\n步数 = 4, 8")
    answer = visitor.post("/submit", data=form, headers=CHINESE)
    assert answer.status_code == 303
    asked = house.get("/api/v1/jobs").json["items"][0]["request"]
    assert (asked["guidance_scale"], asked["num_inference_steps"]) == ([1.0, 3.0], [4, 8])


def test_a_page_tells_in_its_language_what_an_error_says_of_a_case(house: House, visitor: FlaskClient) -> None:
    job = house.submit()
    finish_everything(house.connections)
    form = {"csrf_token": token_of(visitor, f"/jobs/{job['id']}")}
    page = visitor.post(f"/jobs/{job['id']}/cancel", data=form, headers=CHINESE)
    assert page.status_code == 409
    assert f"任务 {job['id']} 已结束（已完成）；没有可取消的了。" in page.get_data(as_text=True)
    english = house.post(f"/api/v1/jobs/{job['id']}/cancel", headers=CHINESE)
    assert english.json["detail"] == f"Job {job['id']} has ended (done); nothing of it is left to cancel."


def test_notices_that_were_stored_are_told_in_the_language_of_the_reader(house: House, visitor: FlaskClient) -> None:
    job = house.submit(prompt="a (red:1.3) circle")
    page = visitor.get(f"/jobs/{job['id']}", headers=CHINESE).get_data(as_text=True)
    assert "提交时 sana-demo 没有运行中的工作进程：要等有人启动一个。" in page
    assert "(red:1.3)" in page
    assert "按普通文字渲染：这里的模型都不识别提示词权重" in page


def test_what_people_typed_is_never_translated(house: House, visitor: FlaskClient) -> None:
    prompts = ["Gallery", "done", "none", "The job is paused: it goes on when somebody resumes it."]
    job = house.submit(prompt=prompts, guidance_scale=[1.0, 2.0], title="Jobs")
    for view in ("list", "grid"):
        page = visitor.get(f"/jobs/{job['id']}?view={view}", headers=CHINESE).get_data(as_text=True)
        assert '<h1 class="prompt">Jobs</h1>' in page
        assert all(f">{prompt}<" in page or f'alt="{prompt}"' in page or f": {prompt}<" in page for prompt in prompts)


def test_deeds_of_the_audit_log_and_the_built_in_models_have_names_in_chinese(visitor: FlaskClient) -> None:
    assert set(ACTION_NAMES) == set(Action)
    audit = visitor.get("/admin/audit", headers=CHINESE).get_data(as_text=True)
    with visitor.application.test_request_context(headers=CHINESE):
        for name in ACTION_NAMES.values():
            assert said(name) != str(name)
            assert f">{said(name)}</option>" in audit
    form = visitor.get("/submit?model=wan-demo", headers=CHINESE).get_data(as_text=True)
    assert "Wan 演示" in form
    assert "彩色图形向左、向右、向上、向下移动" in form


def test_every_description_of_the_built_in_catalog_is_translated() -> None:
    models = load_catalog(load_settings(variables={}), {}).models.values()
    with (FOLDER / "zh_Hans" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        known = {message.id for message in read_po(file) if isinstance(message.id, str) and message.string}
    assert {entry.description for entry in models if entry.description} <= known
