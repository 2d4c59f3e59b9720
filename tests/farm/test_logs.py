"""Logs: whoever writes a line, and however, no secret is in it."""

import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from farm.logs import configure_logging
from farm.redaction import MASK, Redaction, known_secrets
from farm.security import new_secret
from farm.settings import Settings

KEY = new_secret()
DATABASE = "pa$$word/of@the database"
STORAGE = "storage+secret/key=="
REDIS = "unix:///run/valkey.sock?password=the-redis-password&db=0"
WEBHOOK = "whsec_xw3T87EMXCHCo8xx7eobAf4vhjijFat+/4"
SECRETS = [KEY, DATABASE, "pa%24%24word", STORAGE, "the-redis-password", "cookie-signing-key", "SIGNATURE123", WEBHOOK]

#: How secrets come into lines.
SHOWN = [
    KEY,
    f"Authorization: Bearer {KEY}",
    "postgresql://farm:pa%24%24word%2Fof%40the%20database@db.example/farm",
    f"password authentication failed for {DATABASE}",
    f"S3 said no to {STORAGE}",
    REDIS,
    "http://s3/b/k?X-Amz-Credential=storage-id%2F2026&X-Amz-Signature=SIGNATURE123&x=1",
    f"a receiver knows {WEBHOOK}",
]

Write = Callable[[str], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=SecretStr("postgresql://farm:pa%24%24word%2Fof%40the%20database@db.example/farm"),
        redis_url=SecretStr(REDIS),
        s3_access_key_id=SecretStr("storage-id"),
        s3_secret_access_key=SecretStr(STORAGE),
        secret_key=SecretStr("cookie-signing-key"),
        log_level="DEBUG",
    )


@pytest.fixture(params=["console", "json"])
def lines(request: pytest.FixtureRequest, settings: Settings) -> Iterator[io.StringIO]:
    """What is logged in this test, for people and for machines."""
    before = (logging.root.handlers[:], logging.root.level, sys.excepthook, threading.excepthook)
    stream = io.StringIO()
    configure_logging(settings.model_copy(update={"log_format": request.param}), stream)
    yield stream
    logging.captureWarnings(False)
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = before[:2]
    sys.excepthook, threading.excepthook = before[2:]


def by_structlog(secret: str) -> None:
    structlog.get_logger("farm.test").info("a line", where=f"seen {secret} there")


def in_the_event(secret: str) -> None:
    structlog.get_logger().warning(f"we saw {secret}")


def deep_inside(secret: str) -> None:
    structlog.get_logger().info("deep", request={"headers": [("x", {"inner": secret})], secret: 1})


def by_the_standard_library(secret: str) -> None:
    logging.getLogger("some.library").error("failed for %s", secret)


def as_an_extra(secret: str) -> None:
    logging.getLogger("some.library").error("failed", extra={"address": secret})


def in_a_traceback(secret: str) -> None:
    try:
        raise ValueError(f"could not reach {secret}") from KeyError(secret)
    except ValueError:
        structlog.get_logger().exception("it broke")
        logging.getLogger("some.library").exception("it broke too")


def as_an_object(secret: str) -> None:
    structlog.get_logger().info("an object", thing=ValueError(secret), path=Path(f"/{secret}"), raw=secret.encode())


def as_a_warning(secret: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"old style: {secret}", UserWarning, stacklevel=1)


def bound_to_the_context(secret: str) -> None:
    with structlog.contextvars.bound_contextvars(request=secret):
        structlog.get_logger().info("in a request")
        logging.getLogger("some.library").info("in a request")


def uncaught(secret: str) -> None:
    try:
        raise OSError(f"lost {secret}")
    except OSError as error:
        sys.excepthook(OSError, error, error.__traceback__)


def uncaught_in_a_thread(secret: str) -> None:
    def fail() -> None:
        raise OSError(f"lost {secret}")

    thread = threading.Thread(target=fail, name="feeder")
    thread.start()
    thread.join()


def with_wrong_arguments(secret: str) -> None:
    library = logging.getLogger("some.library")
    library.propagate = False  # pytest's own handler would raise
    library.addHandler(next(handler for handler in logging.root.handlers if type(handler).__module__ == "farm.logs"))
    library.error("one place %s, two values", secret, "more")
    library.handlers.clear()
    library.propagate = True


WAYS = [
    by_structlog,
    in_the_event,
    deep_inside,
    by_the_standard_library,
    as_an_extra,
    in_a_traceback,
    as_an_object,
    as_a_warning,
    bound_to_the_context,
    uncaught,
    uncaught_in_a_thread,
    with_wrong_arguments,
]


@pytest.mark.parametrize("write", WAYS)
def test_no_secret_is_in_a_line(lines: io.StringIO, write: Write) -> None:
    for text in SHOWN:
        write(text)

        logged = lines.getvalue()
        assert logged
        assert [secret for secret in SECRETS if secret in logged] == []


@pytest.mark.parametrize("name", ["password", "api_key", "csrf_token", "Cookie", "s3_secret_access_key", "prompt"])
def test_a_field_with_a_telling_name_is_masked_whatever_it_holds(lines: io.StringIO, name: str) -> None:
    structlog.get_logger().info("a line", **{name: "hunter2 and more"})

    assert "hunter2" not in lines.getvalue()
    assert MASK in lines.getvalue()


def test_what_is_no_secret_stays_readable(lines: io.StringIO) -> None:
    told = {"job_id": "018f0000-0000-7000-8000-000000000000", "renders": 12, "url": "http://127.0.0.1:8420/jobs?page=2"}

    structlog.get_logger("farm.test").info("submitted", **told)

    logged = lines.getvalue()
    for word in ("submitted", "018f0000-0000-7000-8000-000000000000", "12", "http://127.0.0.1:8420/jobs?page=2"):
        assert word in logged


def test_lines_for_machines_are_one_object_each(settings: Settings, tmp_path: Path) -> None:
    script = "\n".join(
        [
            "import logging, structlog",
            "from farm.logs import configure_logging, identify",
            "from farm.settings import load_settings",
            "configure_logging(load_settings())",
            "identify(role='worker', worker='018f')",
            "structlog.get_logger('farm.a').info('ours', renders=3)",
            "logging.getLogger('lib').warning('theirs %s', 'x')",
            f"raise OSError('lost {KEY}')",
        ]
    )
    variables = settings.to_variables() | {"FARM_LOG_FORMAT": "json"}

    ended = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    ours, theirs, uncaught_line = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (ours["event"], ours["level"], ours["logger"], ours["renders"]) == ("ours", "info", "farm.a", 3)
    assert (theirs["event"], theirs["level"]) == ("theirs x", "warning")
    assert [line["worker"] for line in (ours, theirs, uncaught_line)] == ["018f"] * 3  # also of libraries
    assert ours["at"].endswith("Z")
    assert "OSError" in uncaught_line["exception"]
    assert KEY not in ended.stderr


@given(st.text(min_size=6, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert secret not in Redaction([secret]).text(f"{before}|{secret}|{after}").replace(MASK, "|")


def test_of_an_address_only_the_password_is_secret(settings: Settings) -> None:
    found = known_secrets(settings)

    assert {DATABASE, STORAGE, "the-redis-password", "cookie-signing-key"} <= set(found)
    assert not any("db.example" in secret for secret in found)
