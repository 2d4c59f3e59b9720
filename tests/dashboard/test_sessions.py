"""A session counts at every dashboard, whatever the clocks of their machines say."""

import re
import time

import httpx
import pytest
from flask import Flask, session

from dashboard.sessions import FarmSessions
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.visiting import sign_in

NOW = 1_800_000_000.0


def dashboard() -> Flask:
    """One of several dashboards: all have the secret and the farm's time."""
    app = Flask("dashboard")
    app.secret_key = "the same everywhere"
    app.session_interface = FarmSessions(lambda: NOW)

    @app.get("/sign-in")
    def sign_in() -> str:
        session["user"] = "ada"
        session.permanent = True
        return ""

    @app.get("/who")
    def who() -> str:
        return str(session.get("user", "nobody"))

    return app


@pytest.mark.parametrize("off", [-3600.0, 3600.0, 30 * 86_400.0])
def test_a_session_begun_at_a_dashboard_whose_clock_is_off_counts_at_the_others(
    monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + off)
        signed_in = dashboard().test_client()
        signed_in.get("/sign-in")
    cookie = signed_in.get_cookie("session")
    assert cookie is not None

    other = dashboard().test_client()
    other.set_cookie("session", cookie.value)

    assert other.get("/who").text == "ada"


def test_what_a_browser_may_keep_is_the_same_for_it_a_second_later(live_house: House) -> None:
    job = live_house.submit(seed=1)["id"]
    finish_everything(live_house.connections, stored=True)
    visitor = sign_in(live_house)
    addresses = {
        found
        for page in ("/gallery", f"/jobs/{job}")
        for found in re.findall(r'src="(/(?:gallery/thumbnails|artifacts)/[^"]+)', visitor.get(page).text)
    }
    assert len(addresses) == 2
    for address in addresses:
        answer = visitor.get(address)
        assert "max-age" in answer.headers["Cache-Control"]
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" in visitor.get("/gallery").headers
    stored = httpx.get(visitor.get(next(one for one in addresses if "artifacts" in one)).headers["Location"])
    assert "immutable" in stored.headers["Cache-Control"]
