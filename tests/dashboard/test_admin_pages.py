"""The pages of projects, people, keys, webhooks, use and the audit log: who sees what, and what their forms do."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from dashboard.permissions import NEEDS
from farm import accounts
from farm.database import read, write
from farm.security import Role
from farm.tables import Key, Project, Usage, User, WebhookDelivery
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook
from tests.dashboard.conftest import House
from tests.dashboard.test_farm_page import person, press, row, text_of
from tests.dashboard.visiting import PAGE, sign_in, token_of

#: Page, and who sees it.
PAGES = {
    "/admin/projects": Role,
    "/admin/projects/ours": Role,
    "/admin/projects/theirs": (Role.OPERATOR, Role.ADMIN),
    "/admin/people": (Role.ADMIN,),
    "/admin/keys": Role,
    "/admin/webhooks": Role,
    "/admin/webhooks/{webhook}": Role,
    "/admin/usage": Role,
    "/admin/usage?project=theirs": (Role.OPERATOR, Role.ADMIN),
    "/admin/audit": (Role.ADMIN,),
    "/farm": (Role.OPERATOR, Role.ADMIN),
    "/workers": Role,
    "/dead-letters": Role,
}


@pytest.fixture
def webhook(house: House) -> str:
    made, _ = create_webhook(
        house.connections.engine, house.ours.project_id, "https://example.com/", [EventType.JOB_DONE], 0.0
    )
    return str(made.id)


def refused(client: FlaskClient, path: str, page: str, **fields: Any) -> tuple[int, str]:
    """Press a button that is refused; the status, and what the alert says."""
    answer = client.post(path, data={"csrf_token": token_of(client, page), **fields}, headers=PAGE)
    alert = answer.text.partition('role="alert"')[2].partition("</div>")[0]
    return answer.status_code, re.sub(r"<[^>]+>|\s+", " ", alert)


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_pages_and_no_button_that_would_be_refused(house: House, webhook: str, role: Role) -> None:
    visitor, adapter = person(house, role), house.app.url_map.bind("localhost")
    for path, roles in PAGES.items():
        answer = visitor.get(path.format(webhook=webhook), headers=PAGE)
        assert (answer.status_code == 200) is (role in roles), (path, answer.status_code)
        main = answer.text.partition("<main")[2].partition("</main>")[0]
        if role is Role.VIEWER:
            assert 'class="only-looks"' in answer.text or answer.status_code != 200
            continue
        for action in re.findall(r'<form method="post" action="([^"]+)"', main):
            endpoint, _ = adapter.match(action, method="POST")
            assert NEEDS[endpoint] in role.scopes, (path, action)
        for link in re.findall(r'href="(/(?:admin|farm)[^"]*)"', answer.text):
            assert visitor.get(link.replace("&amp;", "&"), headers=PAGE).status_code in (200, 302), (path, link)


def test_nobody_sees_another_projects_webhook_or_page(house: House, webhook: str) -> None:
    theirs = sign_in(house, house.theirs)
    for path in (f"/admin/webhooks/{webhook}", "/admin/projects/ours", "/admin/usage?project=ours"):
        assert theirs.get(path, headers=PAGE).status_code == 404, path
    token = token_of(theirs, "/admin/keys")
    for path in (f"/admin/webhooks/{webhook}/test", f"/admin/webhooks/{webhook}/remove", "/admin/projects/ours/pause"):
        assert theirs.post(path, data={"csrf_token": token}, headers=PAGE).status_code == 404, path
    assert "API keys of ours" not in text_of(theirs, "/admin/keys?project=ours")


def test_a_keys_secret_is_shown_once_and_kept_nowhere(house: House) -> None:
    visitor = person(house, Role.ARTIST)
    form = {"csrf_token": token_of(visitor, "/admin/keys"), "name": "ci", "days": "30", "scope": ["read"]}
    answer = visitor.post("/admin/keys", data=form, headers=PAGE)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    secret = re.search(r'value="(lf_\w+)"', answer.text)
    assert secret
    told = house.client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {secret[1]}"}).json
    assert (told["scopes"], told["role"]) == (["read"], "artist")
    page = text_of(visitor, "/admin/keys")
    assert secret[1] not in page
    assert "lf_" not in page
    with read(house.connections.engine) as connection:
        key = connection.execute(select(Key.id, Key.expires_at, Key.created_at).where(Key.name == "ci")).one()
    assert key.expires_at - key.created_at == pytest.approx(30 * 86_400)
    assert "Key ci is revoked" in press(visitor, f"/admin/keys/{key.id}/revoke", "/admin/keys", name="ci")
    assert house.client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {secret[1]}"}).status_code == 401


def test_a_wrong_key_is_refused_beside_the_form_and_what_was_typed_stays(house: House) -> None:
    visitor = person(house, Role.ARTIST)
    assert refused(visitor, "/admin/keys", "/admin/keys", name="ci")[0] == 422  # no scope
    status, why = refused(visitor, "/admin/keys", "/admin/keys", name="ci", scope="admin")
    assert (status, "You may not do this yourself" in why) == (403, True)
    assert refused(visitor, "/admin/keys", "/admin/keys", name="ci", scope="read", days="soon")[0] == 422
    typed = {"csrf_token": token_of(visitor, "/admin/keys"), "name": "kept", "days": "0"}
    assert 'value="kept"' in visitor.post("/admin/keys", data=typed, headers=PAGE).text


def test_an_admin_makes_a_key_of_a_project_that_belongs_to_no_person(house: House) -> None:
    visitor = sign_in(house)
    form = {"csrf_token": token_of(visitor, "/admin/keys"), "name": "robot", "days": "0", "project": "theirs",
            "scope": ["read", "submit"]}  # fmt: skip
    answer = visitor.post("/admin/keys", data=form, headers=PAGE)
    assert answer.status_code == 201
    assert "API keys of theirs" in answer.text
    found = row(house, Key, name="robot")
    assert (found.project_id, found.user_id, found.expires_at) == (house.theirs.project_id, None, None)


def test_limits_of_a_project_are_typed_and_an_empty_field_is_none(house: House) -> None:
    visitor, page = sign_in(house), "/admin/projects/theirs"
    limits = {"weight": "2.5", "max_pending": "100", "budget": "12.5"}
    assert "are set" in press(visitor, f"{page}/limits", page, **limits)
    found = row(house, Project, name="theirs")
    assert (found.weight, found.max_pending, found.budget, found.max_running) == (2.5, 100, 12.5, None)
    text = text_of(visitor, page)
    assert 'name="max_pending" type="number" min="0" step="1" value="100"' in text
    assert 'value="2.5"' in text
    status, why = refused(visitor, f"{page}/limits", page, weight="", budget="-3", max_pending="1.5")
    assert (status, "Budget" in why, "Max pending" in why) == (422, True, True)
    assert row(house, Project, name="theirs").budget == 12.5
    press(visitor, f"{page}/limits", page, weight="1")
    assert row(house, Project, name="theirs").budget is None


def test_a_project_is_made_paused_and_resumed(house: House) -> None:
    visitor = sign_in(house)
    page = press(visitor, "/admin/projects", "/admin/projects", name="the/third one", weight="")
    assert "is made" in page
    assert "Nobody is in this project" in page
    at = "/admin/projects/the/third%20one"
    assert "is paused" in press(visitor, f"{at}/pause", at)
    assert row(house, Project, name="the/third one").paused_at is not None
    assert "goes on" in press(visitor, f"{at}/resume", at)
    assert refused(visitor, "/admin/projects", "/admin/projects", name="ours")[0] == 409


def test_people_are_let_in_given_roles_shut_out_and_removed(house: House) -> None:
    visitor, page = sign_in(house), "/admin/people"
    told = press(visitor, page, page, name="ada", project="theirs", role="artist", password="")
    assert "farm users link ada" in told
    told = press(visitor, f"{page}/ada", page, do="role", role="operator")
    assert "ada is operator now" in told
    assert 'name="role" value="artist"' in told.partition('class="told"')[2].partition("</div>")[0], "the undo button"
    press(visitor, f"{page}/ada", page, do="disable")
    assert row(house, User, name="ada").disabled_at is not None
    press(visitor, f"{page}/ada", page, do="enable")
    press(visitor, f"{page}/ada", page, do="password", password="a new password")
    assert row(house, User, name="ada").password_hash is not None
    assert "signed out everywhere" in press(visitor, f"{page}/ada", page, do="sign-out")
    assert "ada is removed" in press(visitor, f"{page}/ada/remove", page)
    assert "ada" not in text_of(visitor, page).partition("<main")[2]


def test_what_cannot_be_done_to_people_is_refused_in_words(house: House) -> None:
    visitor, page = sign_in(house), "/admin/people"
    for path, form, status, why in (
        (page, {"name": "theirs-user", "project": "ours", "role": "artist"}, 409, "theirs-user"),
        (page, {"name": "x", "project": "nowhere", "role": "artist"}, 422, "no project"),
        (page, {"name": "x", "project": "ours", "role": "king"}, 422, "Role"),
        (f"{page}/ours-user", {"do": "disable"}, 409, "the last admin"),
        (f"{page}/ours-user/remove", {}, 409, "the last admin"),
    ):
        found = refused(visitor, path, page, **form)
        assert (found[0], why in found[1]) == (status, True), (path, form, found)
    unknown = visitor.post(f"{page}/nobody", data={"csrf_token": token_of(visitor, page), "do": "enable"})
    assert unknown.status_code == 404


def test_a_webhook_is_made_tried_sent_again_switched_off_and_removed(house: House) -> None:
    visitor, page = person(house, Role.ARTIST), "/admin/webhooks"
    form = {"csrf_token": token_of(visitor, page), "url": "https://example.com/hook", "event": ["job.done"]}
    made = visitor.post(page, data=form, headers=PAGE)
    assert made.status_code == 201
    assert "whsec_" in made.text
    assert "whsec_" not in text_of(visitor, page)
    found = re.search(r'href="(/admin/webhooks/[^"]+)">https://example.com/hook', made.text)
    assert found
    at = found[1]
    assert "A test is sent" in press(visitor, f"{at}/test", at)
    with read(house.connections.engine) as connection:
        delivery = connection.execute(select(WebhookDelivery.__table__)).one()
    assert "sent again" in press(visitor, f"{at}/deliveries/{delivery.id}/replay", at)
    assert "webhook.test" in text_of(visitor, f"{at}?state=pending")
    assert "No delivered delivery" in text_of(visitor, f"{at}?state=delivered")
    assert "is disabled" in press(visitor, at, at, do="disable")
    assert "Send a test" not in text_of(visitor, at)
    assert refused(visitor, f"{at}/test", at)[0] == 409
    assert "is enabled" in press(visitor, at, at, do="enable")
    changed = press(visitor, at, at, url="https://example.com/other", event="job.failed")
    assert "https://example.com/other" in changed
    assert refused(visitor, at, at, url="ftp://example.com", event="job.failed")[0] == 422
    assert "is removed" in press(visitor, f"{at}/remove", at)
    status, why = refused(visitor, page, page, url="http://127.0.0.1/", event="job.done")
    assert (status, "Url" in why) == (422, True)


def test_use_is_drawn_by_day_and_pool_and_told_in_figures(house: House) -> None:
    visitor = sign_in(house)
    assert "Nothing was used in these days" in text_of(visitor, "/admin/usage")
    day = int(house.connections.clock() // 86_400)
    rows = [
        {"project_id": house.theirs.project_id, "day": day - ago, "pool": f"pool-{pool}", "gpu_seconds": 3600.0,
         "money": 2.0, "watt_hours": 5.0, "renders": 3}
        for ago in (0, 5, 200) for pool in range(10)
    ]  # fmt: skip
    with write(house.connections.engine) as connection:
        connection.execute(insert(Usage), rows)
    text = text_of(visitor, "/admin/usage?project=theirs")
    assert text.count('class="chart"') == 2
    assert "40.00" in text
    assert "others" in text, "there are more pools than colours"
    assert text_of(visitor, "/admin/usage?project=theirs&days=365").count('class="chart"') == 2
    assert text_of(visitor, "/admin/usage?days=nonsense").count('class="chart"') == 0
    assert ">theirs</a>" in text_of(visitor, "/admin/usage")


def test_the_audit_log_is_filtered_by_what_stands_in_the_address(house: House) -> None:
    visitor = sign_in(house)
    accounts.create_user(house.connections.engine, house.theirs.project_id, "ada")
    for query, seen in {
        "action=user.created&target=ada": True,
        "project=theirs&action=user.created": True,
        "project=ours&target=ada": False,
        "actor=nobody": False,
        "since=2020-01-01&until=2100-01-01&target=ada": True,
        "until=2020-01-01": False,
    }.items():
        main = text_of(visitor, f"/admin/audit?{query}").partition("</form>")[2].partition("<main")[2]
        assert ("<td>ada</td>" in main) is seen, query
    for wrong in ("since=yesterday", "action=kingship"):
        answer = visitor.get(f"/admin/audit?{wrong}", headers=PAGE)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    assert visitor.get("/admin/audit?cursor=nonsense", headers=PAGE).status_code == 422


def test_a_long_audit_log_is_walked_page_by_page_with_its_filters(house: House) -> None:
    visitor = sign_in(house)
    for number in range(53):
        accounts.create_project(house.connections.engine, f"p {number}")
    text = text_of(visitor, "/admin/audit?action=project.created")
    older = re.search(r'rel="next" href="([^"]+)"', text)
    assert older
    assert "action=project.created" in older[1]
    second = text_of(visitor, older[1].replace("&amp;", "&"))
    assert second.count("project.created</span>") == 53 + 2 - 50


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_names_that_no_database_holds_are_not_found(postgres_house: House) -> None:
    visitor = sign_in(postgres_house)
    token = {"csrf_token": token_of(visitor, "/admin/projects")}
    for path in ("/admin/projects/a%00b", "/admin/usage?project=a%00b", "/admin/keys?project=a%00b"):
        assert visitor.get(path, headers=PAGE).status_code == 404, path
    for path in ("/admin/people/a%00b", "/admin/people/a%00b/remove", "/admin/projects/a%00b/pause"):
        assert visitor.post(path, data=token | {"do": "enable"}, headers=PAGE).status_code == 404, path
    for path in ("/farm/pool/pause", "/farm/lane/resume", "/farm/scale"):
        assert visitor.post(path, data=token | {"name": "a\0b"}, headers=PAGE).status_code == 404, path
    assert "<svg" not in text_of(visitor, "/farm")
    for path in ("/admin/audit", "/admin/usage", "/admin/projects", "/admin/people"):
        assert text_of(visitor, path)


def test_what_people_are_called_is_text_on_every_page(house: House) -> None:
    visitor, name = sign_in(house), '<img src=x onerror="alert(1)">'
    accounts.create_project(house.connections.engine, name)
    accounts.create_user(house.connections.engine, house.ours.project_id, f"user {name}", Role.ARTIST)
    accounts.create_key(house.connections.engine, house.ours.project_id, name=name)
    for path in ("/admin/projects", "/admin/projects/ours", "/admin/people", "/admin/keys?project=ours",
                 "/admin/usage", "/admin/audit"):  # fmt: skip
        assert "<img src=x" not in text_of(visitor, path), path
