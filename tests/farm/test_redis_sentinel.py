"""A Redis behind Sentinels: its address, and what goes on when the primary is killed."""

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from farm.broker import Broker, broker_url
from farm.errors import SettingsError
from farm.progress import ProgressBoard, StepProgress
from farm.redis_connection import connect
from farm.redis_sentinel import parse
from farm.settings import load_settings
from tests.sentinels import watched_servers
from tests.waiting import eventually

ADDRESS = "rediss+sentinel://ada:p%40ss@one,two:5000,[::1]:6000/farm/3?sentinel_password=other"


def test_an_address_names_sentinels_group_database_and_both_passwords() -> None:
    found = parse(ADDRESS)
    assert found.sentinels == (("one", 26379), ("two", 5000), ("::1", 6000))
    assert (found.name, found.db, found.tls) == ("farm", 3, True)
    assert found.credentials == {"username": "ada", "password": "p@ss"}
    assert found.sentinel_credentials == {"password": "other"}
    assert "p@ss" not in repr(found)
    assert "other" not in repr(found)
    assert broker_url(ADDRESS).split(";")[1:] == [
        "sentinel://ada:p%40ss@two:5000/3",
        "sentinel://ada:p%40ss@[::1]:6000/3",
    ]


def test_a_plus_in_either_password_is_a_plus() -> None:
    found = parse("redis+sentinel://:a+b@one/farm?sentinel_password=c+d%2B%26&sentinel_username=sen%20ty")
    assert found.credentials == {"password": "a+b"}
    assert found.sentinel_credentials == {"password": "c+d+&", "username": "sen ty"}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("redis+sentinel://:tiger@one:26379", "where NAME is that of the group"),
        ("redis+sentinel://:tiger@one:26379/farm/first", "must be a number"),
        ("redis+sentinel://:tiger@one:port/farm", "not HOST or HOST:PORT"),
        ("redis+sentinel://:tiger@one,,two/farm", "not HOST or HOST:PORT"),
        ("redis+sentinel://:tiger@one/farm/" + "9" * 5000, "must be a number, of at most 9 digits"),
        ("redis+sentinel://:tiger@::1/farm", "of IPv6: [ADDRESS]:PORT"),
        ("redis+sentinel://:tiger@[::1/farm", "of IPv6: [ADDRESS]:PORT"),
        ("redis+sentinel://:tiger@[one]/farm", "of IPv6: [ADDRESS]:PORT"),
        ("redis+sentinel://:tiger@one:1:2/farm", "not HOST or HOST:PORT"),
        ("redis+sentinel://:tiger@one, two/farm", "not HOST or HOST:PORT"),
        ("redis+sentinel://:tiger@one;two/farm", "not HOST or HOST:PORT"),
        ("redis+sentinel://:tiger@one/farm?pasword=tiger", "other options than sentinel_username and"),
        # What stands behind a sign that was to be percent-encoded is a part of the password.
        ("redis+sentinel://one/farm?sentinel_password=a&tiger", "& %26"),
        ("redis+sentinel://:a/b?tiger@one/farm", "? is written %3F"),
    ],
)
def test_a_wrong_address_is_a_fault_of_the_settings_that_shows_no_password(address: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(variables={"FARM_REDIS_URL": address})
    assert words in str(refused.value)
    assert "tiger" not in str(refused.value)


@pytest.mark.long
def test_rings_and_progress_go_to_the_new_primary_when_the_old_one_is_killed() -> None:
    with watched_servers() as watched:
        broker = Broker(SimpleNamespace(redis_url=SecretStr(watched.url), redis_ca_file=None))
        board = ProgressBoard(watched.url)
        step = StepProgress(job_id="job", project_id="p", render_id="render", phase="stepping", step=1, steps=2)
        try:
            assert broker.ring("pool", 5)
            board.report([step])
            board.flush()
            assert board.snapshot("job") == {"render": step}
            old = watched.primary

            watched.kill(old)

            eventually(lambda: watched.primary not in (0, old), timeout=60)
            eventually(lambda: broker.ring("pool", 5), timeout=60)
            eventually(lambda: (board.report([step]), board.flush(), board.snapshot("job"))[2] == {"render": step})
            with connect(watched.url) as client:
                assert client.info("replication")["role"] == "master"
        finally:
            broker.close()
            board.close()
