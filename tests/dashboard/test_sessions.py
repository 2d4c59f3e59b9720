"""A session counts at every dashboard, whatever the clocks of their machines say."""

import time

import pytest
from flask import Flask, session

from dashboard.sessions import FarmSessions

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
