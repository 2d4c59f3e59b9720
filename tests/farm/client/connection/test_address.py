"""Which farm a command talks to, and with which key."""

import json
from pathlib import Path

import pytest

from farm.client import NoAddress
from farm.client.connection.address import CLIENT_FILE, find_address


@pytest.fixture(autouse=True)
def no_farm_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FARM_URL", "FARM_KEY", "FARM_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path))


@pytest.fixture
def local_farm(tmp_path: Path) -> str:
    """A farm that runs here, as `farm up` leaves word of it."""
    (tmp_path / CLIENT_FILE).write_text(json.dumps({"url": "http://127.0.0.1:8420", "key": "lf_local"}))
    return "http://127.0.0.1:8420"


def test_what_is_given_wins_over_the_environment_and_that_over_the_local_farm(
    local_farm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_address().url == local_farm
    assert find_address().key == "lf_local"
    monkeypatch.setenv("FARM_URL", "https://farm.example.org/")
    monkeypatch.setenv("FARM_KEY", "lf_other")
    assert find_address().url == "https://farm.example.org"
    assert find_address().key == "lf_other"
    assert find_address("http://10.0.0.1:80", "lf_given").url == "http://10.0.0.1:80"


def test_the_key_of_the_local_farm_goes_to_the_local_farm_only(local_farm: str) -> None:
    assert find_address(local_farm + "/").key == "lf_local"
    with pytest.raises(NoAddress, match="FARM_KEY"):
        find_address("https://farm.example.org")


def test_without_any_farm_it_says_how_to_get_one() -> None:
    with pytest.raises(NoAddress, match="farm up"):
        find_address()


@pytest.mark.parametrize("content", ["", "[]", '{"url": 1}', '{"url": "x"', "null"])
def test_a_broken_file_of_the_local_farm_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / CLIENT_FILE).write_text(content)

    with pytest.raises(NoAddress, match=CLIENT_FILE):
        find_address()


@pytest.mark.parametrize("url", ["127.0.0.1:8420", "ftp://x", "http://", "http://[::1", "http://x:99999", "x"])
def test_a_wrong_address_is_said_to_be_one(url: str) -> None:
    with pytest.raises(NoAddress, match="no address of a farm"):
        find_address(url, "lf_x")


@pytest.mark.parametrize("key", ["lf_钥匙", "lf_a\nb", "lf a"])
def test_a_key_that_was_copied_wrong_is_not_printed(key: str) -> None:
    with pytest.raises(NoAddress) as wrong:
        find_address("http://127.0.0.1:1", key)
    assert key not in str(wrong.value)


def test_blanks_around_a_key_do_no_harm() -> None:
    assert find_address("http://127.0.0.1:1", " lf_x\n").key == "lf_x"
