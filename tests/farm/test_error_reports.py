"""What a Sentry is told: a server of the test's own receives the envelopes that sentry-sdk sends it."""

import gzip
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from farm.errors import SettingsError
from farm.logs import configure_logging
from farm.settings import Settings, load_settings
from tests.waiting import eventually

#: A process of the farm that fails in three ways; prompts and secrets are in words, fields and variables of it.
PROGRAM = """
import logging, threading, structlog
from farm.logs import configure_logging, identify
from farm.settings import load_settings

configure_logging(load_settings())
identify(role="worker", pool="sana-demo-local")
log = structlog.get_logger("workers.agent.uploader")


def encode(prompt):
    secret = "s3cr3t-of-s3"
    raise ValueError(f"cannot encode {prompt}")


try:
    encode("a-prompt-of-ada")
except ValueError as error:
    log.error("finishing failed", render="render-1", prompt="a-prompt-of-ada", exc_info=error)
log.warning("only a warning", render="render-2")
logging.getLogger("library").error("could not sign %s", "a-prompt-of-ada")
encode("a-prompt-of-ada")
"""


class Sentry:
    """Answers as Sentry does, and keeps the events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                outer.bodies.append(body)
                lines = body.split(b"\n")
                for header, item in zip(lines[1::2], lines[2::2], strict=False):
                    if json.loads(header).get("type") == "event":
                        outer.events.append(json.loads(item))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"http://publickeyofthetests@127.0.0.1:{self.server.server_address[1]}/1"


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    sentry = Sentry()
    yield sentry
    sentry.server.shutdown()
    sentry.server.server_close()


def run(**settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {"FARM_S3_ACCESS_KEY_ID": "id-of-s3", "FARM_S3_SECRET_ACCESS_KEY": "s3cr3t-of-s3", **settings}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_errors_are_told_by_type_and_place_without_prompts_or_secrets(sentry: Sentry) -> None:
    ended = run(FARM_SENTRY_DSN=sentry.dsn, FARM_LOG_FORMAT="json")
    assert ended.returncode == 1
    events = eventually(lambda: sentry.events if len(sentry.events) == 3 else [])
    told = {event["logentry"]["message"]: event for event in events}
    assert set(told) == {"finishing failed", "could not sign %s", "stopped by an error that nobody expected"}
    failed = told["finishing failed"]
    assert failed["tags"] == {"role": "worker", "pool": "sana-demo-local", "render": "render-1"}
    assert failed["release"].startswith("latent-farm@")
    [error] = failed["exception"]["values"]
    assert error["type"] == "ValueError"
    assert [frame["function"] for frame in error["stacktrace"]["frames"]] == ["<module>", "encode"]
    assert told["stopped by an error that nobody expected"]["level"] == "fatal"
    sent = b"".join(sentry.bodies).decode()
    for kept in ("a-prompt-of-ada", "s3cr3t-of-s3", "only a warning"):
        assert kept not in sent
    assert "publickeyofthetests" not in ended.stderr


def test_a_sentry_that_is_away_changes_nothing(sentry: Sentry) -> None:
    sentry.server.server_close()
    ended = run(FARM_SENTRY_DSN=sentry.dsn)
    assert "finishing failed" in ended.stderr
    assert ended.returncode == 1


def test_without_the_setting_nobody_is_told_and_a_wrong_address_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match=r"FARM_SENTRY_DSN.* must be an address such as") as refused:
        load_settings(variables={"FARM_SENTRY_DSN": "tiger"})  # as `farm config check` does
    assert "tiger" not in str(refused.value)
    before = logging.getLogger().handlers[:]
    try:
        with pytest.raises(SettingsError, match="must be an address such as") as refused:
            configure_logging(load_settings(variables={"FARM_SENTRY_DSN": "https://tiger@:1/1"}))  # no host
        assert "tiger" not in str(refused.value)
        configure_logging(Settings())
        assert len(logging.getLogger().handlers) == 1
    finally:
        logging.getLogger().handlers[:] = before
