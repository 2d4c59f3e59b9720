"""Every page in a language whose every translation is marked: what stands there without a mark was never translated.

A mark goes around the words of a message and not around what fills its gaps, so that these are looked at too.
"""

import re
from collections.abc import Iterator

import pytest
from babel.support import NullTranslations
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.routing import Rule

from dashboard.permissions import NEEDS, PUBLIC
from dashboard.translations.catalogs import Catalogs, translations
from farm.audit.actor import current_actor
from farm.audit.record import Action
from farm.database import write
from farm.ids import new_id
from farm.tables import Input
from scheduler.control.pause_pool import pause_lane, pause_pool
from scheduler.fleet.worker_registry import sign_on
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import create_webhook, write_test
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.test_dead_letters import fail
from tests.dashboard.translations.untranslated import Read, words_of
from tests.dashboard.visiting import PAGE, sign_in

_GAP = re.compile(r"(%\(\w+\)s|%%)")
_MARKED = re.compile("⟦[^⟦⟧]*⟧")
#: In English on purpose: the reference of the API, which is another program's, and what is no page.
NO_PAGES = frozenset({"docs.reference", "docs.asset", "docs.openapi", "metrics.scrape", "static", "health.alive",
                      "health.ready", "artifacts.fetch", "inputs.fetch", "inputs.thumbnail", "gallery.thumbnail",
                      "download.archive", "download.gallery", "sign_in_oidc.begin", "sign_in_oidc.back", "jobs.home",
                      "admin_projects.home"})  # fmt: skip


class Marking(NullTranslations):
    """The messages themselves, in marks; what no catalog has stays as it is."""

    known = frozenset(translations("zh_Hans")._catalog)

    def gettext(self, message: object) -> str:
        if message not in self.known:
            return str(message)
        return self._marked(str(message))

    def _marked(self, message: str) -> str:
        return "".join(part if _GAP.fullmatch(part) else f"⟦{part}⟧" for part in _GAP.split(message) if part)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self._marked(one if number == 1 else many) if (one, 0) in self.known else one

    ugettext, ungettext = gettext, ngettext


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalogs, "get_translations", lambda _: Marking())


@pytest.fixture
def lived_in(house: House) -> dict[str, str]:
    """A house with a job in each state, and ids to visit."""
    done = house.submit(prompt="⟦p⟧", seed_count=2, title="⟦t⟧")
    swept = house.submit(prompt=["⟦p⟧", "⟦q⟧"], guidance_scale=[1.0, 3.5], sampler=["euler", "heun"], title="⟦t⟧")
    finish_everything(house.connections)
    fail(house, prompt="⟦p⟧", reason="⟦r⟧", title="⟦t⟧")
    waiting = house.submit(prompt="⟦p⟧", seed_count=3, title="⟦t⟧")
    with write(house.connections.engine) as connection:
        connection.execute(
            insert(Input),
            {"id": new_id(), "project_id": house.ours.project_id, "name": "⟦n⟧", "key": "k.png", "size": 5000,
             "content_type": "image/png", "width": 64, "height": 64, "sha256": "0" * 64, "created_at": 1.0},
        )  # fmt: skip
    worker_id = new_id()
    sign_on(
        house.connections.engine, worker_id=worker_id, pool="sana-demo-local", model="sana-demo", host="⟦h⟧", pid=1,
        now=house.connections.clock(),
    )  # fmt: skip
    rendered = house.renders(done["id"])[0]["id"]
    engine, at = house.connections.engine, house.connections.clock()
    hook, _ = create_webhook(engine, house.ours.project_id, "https://example.com/", [EventType.JOB_DONE], at)
    write_test(engine, house.ours.project_id, hook.id, at)
    pause_pool(house.connections, "sana-demo-local")
    pause_lane(house.connections, house.connections.catalog.models["sana-demo"].lane)
    return {"job_id": done["id"], "render_id": rendered, "waiting": waiting["id"], "swept": swept["id"],
            "worker_id": worker_id, "webhook_id": hook.id, "name": "ours"}  # fmt: skip


def _pages(house: House) -> Iterator[Rule]:
    for rule in house.app.url_map.iter_rules():
        known = rule.endpoint in NEEDS or rule.endpoint in PUBLIC
        other = rule.endpoint.startswith(("api.", "openai.")) or rule.endpoint in NO_PAGES
        if known and not other and "GET" in (rule.methods or ()):
            yield rule


def _addresses(house: House, ids: dict[str, str]) -> Iterator[str]:
    """Every page by itself, as the list of routes has it, and the pages that have several faces."""
    known = {**ids, "kind": "conflict", "secret": "none"}
    for rule in _pages(house):
        if rule.arguments <= known.keys():
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], rule.rule)
    for job in (ids["job_id"], ids["waiting"], ids["swept"]):
        yield f"/jobs/{job}?view=list"
        yield f"/jobs/{job}?view=grid"
        yield f"/jobs/{job}/sheet"
    yield from (f"/renders/{render['id']}" for render in house.renders(ids["waiting"])[:1])
    first, second, *_ = (render["id"] for render in house.renders(ids["swept"]))
    yield from (f"/compare?render={first}&render={second}{more}" for more in ("", "&view=slider"))
    yield from ("/jobs?show=cancelled", "/gallery?text=nothing&rating=4&favourite=1", "/gallery?deleted=1&size=x")
    yield from (
        "/dead-letters?show=all",
        "/renders/none",
        "/nowhere",
        "/submit?model=wan-demo",
        "/submit?model=sprint-demo",
    )
    yield from ("/admin/keys?project=ours", "/admin/usage?days=365", "/farm?period=2d")
    yield f"/submit?again={ids['render_id']}"


def _unmarked(text: str, data: list[str]) -> list[str]:
    stream = "\x1f".join(shown for _, name, shown in Read(text).texts if not name)
    found = [stream, *(shown for _, name, shown in Read(text).texts if name)]
    words: list[str] = []
    for each in found:
        for known in data:
            each = each.replace(known, " ")
        while _MARKED.search(each):
            each = _MARKED.sub(" ", each)
        words += words_of(each)
    return words


def _data(house: House) -> list[str]:
    """What people, operators and the farm's own catalog have named: the same in all languages."""
    catalog = house.connections.catalog
    names = {house.ours.user_name, "ours", "theirs", *catalog.models, *catalog.pools}
    for model in catalog.models.values():
        names |= {model.title, model.description or "", *model.samplers, f"{model.title}s"}
    names |= {
        "png",
        "webp",
        "jpeg",
        "avif",
        "mp4",
        "webm",
        "gif",
        "farm sana-demo",
        "adamw-8bit",
        "adamw",
        "constant",
        "linear",
        "cosine",
        "min",
        "kB",
        "MB",
        "Wh",
        "EUR",
    }
    names |= {model.lane for model in catalog.models.values()}
    names |= {house.theirs.user_name, "tests", current_actor().name or ""}
    names |= {"text/html", "image/png", "ABCD", "nothing", "https://example.com/", "webhook.test", *Action}
    return sorted((name for name in names if name), key=len, reverse=True)


def test_nothing_on_any_page_is_without_a_translation(house: House, lived_in: dict[str, str], marked: None) -> None:
    client: FlaskClient = sign_in(house)
    found: dict[str, list[str]] = {}
    data = _data(house)
    for address in dict.fromkeys(_addresses(house, lived_in)):
        answer = client.get(address, headers=PAGE, follow_redirects=True)
        assert answer.status_code in (200, 404, 422), address
        if words := _unmarked(answer.get_data(as_text=True), data):
            found[address] = words
    assert not found, "\n".join(f"{address}: {words}" for address, words in found.items())
