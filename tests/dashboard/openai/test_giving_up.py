"""Who gives up waiting for a picture: what becomes of its job, and what is said when the database goes away."""

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.dashboard.conftest import House

ASKED = {"model": "sana-demo", "prompt": "a red circle"}


def _statuses(house: House) -> list[str]:
    return [job["status"] for job in house.get("/api/v1/jobs").json["items"]]


@pytest.mark.parametrize("stream", [False, True])
def test_only_a_job_that_nobody_can_come_back_for_is_cancelled(
    house: House, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setattr("dashboard.openai.waiting.WAIT_SECONDS", 0.0)

    def ask(**headers: str) -> str:
        answer = house.post("/v1/images/generations", json={**ASKED, "stream": stream}, headers=headers)
        assert answer.status_code == (200 if stream else 504)
        said: str = answer.get_data(as_text=True)
        assert "not_in_time" in said
        return said

    # Their package sends all again when a connection breaks: the first request must not take the picture away.
    key = {"Idempotency-Key": "the picture of the tests"}
    ask(**key)
    ask(**key)
    assert _statuses(house) == ["open"]
    ask()
    assert _statuses(house) == ["cancelled", "open"]


def test_a_stream_says_that_the_database_went_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise OperationalError("SELECT secret", {}, Exception("server closed the connection"))

    monkeypatch.setattr("dashboard.openai.pictures.follow", gone)
    monkeypatch.setattr("dashboard.openai.waiting.cancel_job", gone)
    answer = house.post("/v1/images/generations", json={**ASKED, "stream": True})
    last = answer.get_data(as_text=True).strip().splitlines()[-1]
    assert '"code": "database_busy"' in last
    assert "SELECT" not in last
