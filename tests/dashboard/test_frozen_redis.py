"""A Redis that takes connections and never answers holds up no submission and no control of a job."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr
from redis.connection import AbstractConnection

from tests.dashboard.conftest import House
from tests.valkeys import own_valkey
from tests.waiting import eventually


def test_submissions_and_controls_never_wait_for_redis(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_by: set[str] = set()
    send = AbstractConnection.send_packed_command

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        asked_by.add(threading.current_thread().name)
        return send(self, *arguments, **options)

    with own_valkey() as valkey:
        house = make_house(redis_url=SecretStr(valkey.url))
        valkey.freeze()
        monkeypatch.setattr(AbstractConnection, "send_packed_command", watched)
        job = house.submit(seed_count=3)["id"]
        for verb in ("pause", "resume", "cancel"):
            assert house.post(f"/api/v1/jobs/{job}/{verb}").status_code == 200
        assert house.get(f"/api/v1/jobs/{job}").json["status"] == "cancelled"

        eventually(lambda: asked_by)
        assert threading.current_thread().name not in asked_by
        valkey.thaw()


def test_pages_of_a_running_job_come_without_progress_and_only_the_first_has_waited(
    make_house: Callable[..., House],
) -> None:
    with own_valkey() as valkey:
        house = make_house(redis_url=SecretStr(valkey.url))
        job = house.submit(seed_count=3)["id"]
        valkey.freeze()
        assert house.connections.progress.snapshot(job) == {}
        assert house.connections.progress._wire._lost
        assert len(house.renders(job)) == 3
        valkey.thaw()
        eventually(lambda: not house.connections.progress._wire._lost)
