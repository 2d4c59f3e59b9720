"""The page of operators: who sees it, what it says of workers, and what its buttons do."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update

from farm import accounts
from farm.database import read, write
from farm.ids import new_id
from farm.lifecycle import WorkerStatus
from farm.security import Role
from farm.tables import Pool, ScaleDecision, Worker
from scheduler.fleet.worker_registry import sign_off
from scheduler.maintenance import record_samples
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.drawing import Drawer
from tests.dashboard.test_dead_letters import fail
from tests.dashboard.visiting import PAGE, sign_in, token_of

POOL, LANE = "sana-demo-local", "sana-demo@fp32"


def person(house: House, role: Role) -> FlaskClient:
    """A browser of somebody with this role in the project 'ours'."""
    name = f"a {role}"
    accounts.create_user(house.connections.engine, house.ours.project_id, name, role, "a password")
    return sign_in(house, Tenant(house.ours.project_id, "", name, "a password", ""))


def text_of(client: FlaskClient, path: str = "/farm") -> str:
    answer = client.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def press(client: FlaskClient, path: str, page: str = "/farm", **fields: Any) -> str:
    """Press a button of a page; the page that comes."""
    answer = client.post(path, data={"csrf_token": token_of(client, page), **fields}, headers=PAGE)
    assert answer.status_code == 303, answer.text
    return text_of(client, answer.headers["Location"])


def row(house: House, table: Any, **found: Any) -> Any:
    with read(house.connections.engine) as connection:
        return connection.execute(select(table.__table__).filter_by(**found)).one()


def scaled(house: House) -> None:
    why = "1 → 3: 412 GPU-s waiting, target 60 s, start-up 90 s"
    with write(house.connections.engine) as connection:
        values = {"desired": 3, "decision": why, "decided_at": 1_800_000_000.0}
        connection.execute(update(Pool).where(Pool.name == POOL).values(values))
        line = {"id": new_id(), "pool": POOL, "at": 1_800_000_000.0, "before": 1, "after": 3, "reason": why}
        connection.execute(insert(ScaleDecision).values(line))


def test_an_empty_farm_says_what_to_do(house: House) -> None:
    text = text_of(sign_in(house))
    assert "Nothing is written down yet" in text
    assert "The autoscaler starts one when there is work for it." in text
    assert "Nothing has failed for good" in text


def test_what_waits_and_who_renders_is_on_the_page(house: House) -> None:
    house.submit(seed_count=3)
    worker = Drawer(house.connections, POOL)
    worker.take(2)
    now = house.connections.clock()
    for ago in (90, 60, 30):
        record_samples.one_pass(house.connections, now - ago)
    scaled(house)

    text = text_of(sign_in(house))

    assert text.count('<svg xmlns="http://www.w3.org/2000/svg" class="chart"') == 3
    assert f'aria-label="{LANE}: 1, ' in text
    assert 'aria-label="2 of 8 in a batch"' in text
    assert "412 GPU-s waiting" in text
    assert text_of(sign_in(house), f"/farm/workers/{worker.id}").count('class="chart"') == 1


def test_a_worker_that_was_let_go_is_not_red_and_one_that_was_lost_is(house: House) -> None:
    engine, now = house.connections.engine, house.connections.clock()
    let_go, stopped, lost = (Drawer(house.connections, POOL).id for _ in range(3))
    for worker_id in (let_go, stopped):
        sign_off(engine, worker_id, now=now)
    with write(engine) as connection:
        connection.execute(update(Worker).where(Worker.id == let_go).values(drain_asked_at=now))
        connection.execute(update(Worker).where(Worker.id == lost).values(status=WorkerStatus.GONE))
    visitor = sign_in(house)
    states = {name: text_of(visitor, f"/farm/workers/{name}") for name in (let_go, stopped, lost)}
    assert [re.search(r'class="pill" data-state="(\w+)"', text)[1] for text in states.values()] == [  # type: ignore[index]
        *("ended", "ended", "lost")
    ]
    assert "It ended before a scheduler wrote anything down of it." in states[stopped]
    for page in ("/farm", "/workers"):
        assert text_of(visitor, page).count('data-state="ended"') == 2, page


def test_a_pause_is_said_and_can_be_taken_back(house: House) -> None:
    visitor = person(house, Role.OPERATOR)
    for kind, name, table in (("pool", POOL, Pool), ("lane", LANE, None)):
        page = press(visitor, f"/farm/{kind}/pause", name=name)
        assert "is paused" in page
        assert f'action="/farm/{kind}/resume"' in page
        assert "is paused" not in text_of(visitor), "it is said once"
        if table is not None:
            assert row(house, table, name=name).paused_at is not None
        assert "goes on" in press(visitor, f"/farm/{kind}/resume", name=name)
    assert visitor.post("/farm/king/pause", data={"csrf_token": token_of(visitor, "/farm")}).status_code == 404


def test_a_pool_is_limited_and_the_undo_button_gives_the_old_limits_back(house: House) -> None:
    scaled(house)
    visitor = person(house, Role.OPERATOR)
    press(visitor, "/farm/scale", name=POOL, minimum="", maximum="4")
    page = press(visitor, "/farm/scale", name=POOL, minimum="2", maximum="6", was_minimum="", was_maximum="4")
    found = row(house, Pool, name=POOL)
    assert (found.scale_minimum, found.scale_maximum) == (2, 6)
    assert "2 to 6 allowed" in page
    notice = page.partition('class="told"')[2].partition("</div>")[0]
    assert 'name="maximum" value="4"' in notice
    press(visitor, "/farm/scale", name=POOL, minimum="", maximum="4")
    found = row(house, Pool, name=POOL)
    assert (found.scale_minimum, found.scale_maximum) == (None, 4)


@pytest.mark.parametrize(
    ("minimum", "maximum", "why"),
    [
        ("3", "2", "must not be above the maximum"),
        ("many", "", "valid integer"),
        ("-1", "", "greater than or equal to"),
    ],
)
def test_wrong_limits_are_refused_in_words_and_change_nothing(
    house: House, minimum: str, maximum: str, why: str
) -> None:
    visitor = person(house, Role.OPERATOR)
    page = press(visitor, "/farm/scale", name=POOL, minimum=minimum, maximum=maximum)
    assert why in page.partition('role="alert"')[2]
    assert row(house, Pool, name=POOL).scale_minimum is None


def test_a_worker_is_drained_and_a_gone_one_is_refused_in_words(house: House) -> None:
    worker = Drawer(house.connections, POOL)
    visitor = person(house, Role.OPERATOR)
    page = press(visitor, f"/farm/workers/{worker.id}/drain", host="tests")
    assert "The worker on tests takes nothing new" in page
    assert 'data-state="draining"' in page
    assert row(house, Worker, id=worker.id).drain_asked_at is not None
    with write(house.connections.engine) as connection:
        connection.execute(update(Worker).values(status=WorkerStatus.GONE))
    assert "is gone" in press(visitor, f"/farm/workers/{worker.id}/drain", host="tests")
    assert visitor.get(f"/farm/workers/{new_id()}", headers=PAGE).status_code == 404


def test_failed_renders_of_all_projects_are_tried_again(house: House) -> None:
    ours, theirs = fail(house), fail(house, house.theirs)
    visitor = person(house, Role.OPERATOR)
    text = text_of(visitor)
    assert text.count('aria-label="Try again: ') == 4
    first = re.search(r'name="render" value="([^"]+)"', text)
    assert first
    assert "1 render is tried again" in press(visitor, "/farm/retry", render=first[1])
    assert "3 renders are tried again" in press(visitor, "/farm/retry")
    for job, who in ((ours, house.ours), (theirs, house.theirs)):
        assert house.get(f"/api/v1/jobs/{job['id']}", who).json["failed"] == 0


@pytest.mark.parametrize("role", Role)
def test_only_operators_and_admins_come_in_and_find_it_in_the_menu(house: House, role: Role) -> None:
    visitor, operates = person(house, role), role in (Role.OPERATOR, Role.ADMIN)
    assert ('href="/farm"' in text_of(visitor, "/jobs")) is operates
    assert visitor.get("/farm", headers=PAGE).status_code == (200 if operates else 403)
    assert ('href="/farm"' in visitor.get("/nowhere", headers=PAGE).text) is operates
