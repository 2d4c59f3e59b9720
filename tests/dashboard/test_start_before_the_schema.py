"""A dashboard that is started before the database is prepared listens once it is."""

import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dashboard import server
from farm.settings import Settings
from tests.waiting import eventually


def test_it_is_made_meanwhile_and_serves_once_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, served = threading.Event(), threading.Event()
    really = server.create_app

    def create_app(*asked: Any, **named: Any) -> Any:
        app = really(*asked, **named)
        made.set()
        return app

    monkeypatch.setattr(server, "create_app", create_app)
    settings = Settings(
        data_dir=tmp_path,
        database_url=SecretStr(f"sqlite:///{tmp_path}/farm.sqlite3"),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        secret_key=SecretStr("0" * 64),
    )
    waiting = server._Server(settings, "127.0.0.1:0", tmp_path / "prepared")
    thread = threading.Thread(target=lambda: (waiting.load(), served.set()), daemon=True)
    thread.start()
    assert made.wait(60)
    assert not served.wait(3 * server.LOOK_SECONDS)
    assert not (tmp_path / "farm.sqlite3").exists(), "it contacts nothing before"
    (tmp_path / "prepared").touch()
    eventually(served.is_set)
