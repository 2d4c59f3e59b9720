"""A machine whose clock is an hour off stores files, reads them and gives links that work."""

from datetime import timedelta
from pathlib import Path

import botocore.auth
import httpx
import pytest

from farm.clock import system_clock
from farm.errors import StorageDown
from farm.storage import Storage
from tests.servers import S3

HOUR = 3600.0


@pytest.fixture(params=[-HOUR, HOUR], ids=["slow", "fast"])
def off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """What boto3 believes the time to be is off by so many seconds."""
    real, seconds = botocore.auth.get_current_datetime, float(request.param)
    believed = lambda remove_tzinfo=True: real(remove_tzinfo) + timedelta(seconds=seconds)  # noqa: E731
    monkeypatch.setattr(botocore.auth, "get_current_datetime", believed)
    return seconds


@pytest.mark.usefixtures("off")
def test_without_the_farms_time_the_server_refuses(s3: S3) -> None:
    with pytest.raises(StorageDown, match="RequestTimeTooSkewed"):
        Storage(s3).put("projects/late.txt", b"late", "text/plain")


@pytest.mark.usefixtures("off")
def test_with_it_everything_works(s3: S3, tmp_path: Path) -> None:
    storage = Storage(s3, clock=system_clock)
    large = tmp_path / "large"
    large.write_bytes(bytes(20_000_000))  # in parts

    storage.put("projects/timely.txt", b"timely", "text/plain")
    storage.put("projects/large", large, "text/plain")

    assert storage.get("projects/timely.txt") == b"timely"
    assert "projects/large" in storage.list("projects/")
    assert httpx.get(storage.link("projects/timely.txt", download_name="ä b.txt")).content == b"timely"
    sent = httpx.put(
        storage.upload_link("projects/sent.txt", "text/plain"), content=b"sent", headers={"Content-Type": "text/plain"}
    )
    assert sent.is_success
    storage.delete(["projects/timely.txt", "projects/large", "projects/sent.txt"])
    assert "projects/timely.txt" not in storage.list("projects/")
    storage.close()


def test_a_link_lives_as_long_as_it_should_by_the_farms_time(s3: S3) -> None:
    past = Storage(s3, clock=lambda: system_clock() - 100)
    past.put("projects/timely.txt", b"timely", "text/plain")

    assert httpx.get(past.link("projects/timely.txt", seconds=4000)).is_success
    assert httpx.get(past.link("projects/timely.txt", seconds=50)).status_code == 403
