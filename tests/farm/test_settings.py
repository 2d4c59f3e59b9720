"""Settings: where they come from, and what is said when they are wrong."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from farm.errors import SettingsError
from farm.redis_connection import connect
from farm.redis_options import OPTIONS
from farm.settings import Settings, load_settings


def faults_of(variables: dict[str, str], config: Path | None = None) -> list[str]:
    """Every fault that is reported, as lines."""
    with pytest.raises(SettingsError) as wrong:
        load_settings(config, variables)
    return [str(fault) for fault in wrong.value.faults]


def test_a_farm_needs_no_settings() -> None:
    settings = load_settings(variables={})
    assert settings.data_dir == Path("farm-data").absolute()
    assert settings.database_url.get_secret_value() == f"sqlite:///{settings.data_dir}/farm.sqlite3"
    assert settings.redis_url is None
    assert settings.origin("database_url") == "default"


def test_variables_go_over_the_file_and_each_value_knows_where_it_came_from(tmp_path: Path) -> None:
    config = tmp_path / "farm.yaml"
    config.write_text("# ours\ndata_dir: /srv/farm\nlease_seconds: 45\nallowed_hosts: [farm.example]\n")
    settings = load_settings(
        variables={"FARM_CONFIG": str(config), "FARM_LEASE_SECONDS": "60", "FARM_CATALOG": "a.yaml, b.yaml"}
    )
    assert settings.lease_seconds == 60
    assert settings.allowed_hosts == ["farm.example"]
    assert settings.catalog == [Path("a.yaml"), Path("b.yaml")]
    assert settings.database_url.get_secret_value() == "sqlite:////srv/farm/farm.sqlite3"
    assert settings.origin("lease_seconds") == "environment variable FARM_LEASE_SECONDS"
    assert settings.origin("allowed_hosts") == f"{config}:4"
    assert settings.origin("link_seconds") == "default"


def test_an_empty_variable_is_an_unset_one() -> None:
    assert load_settings(variables={"FARM_REDIS_URL": "", "FARM_LEASE_SECONDS": ""}).lease_seconds == 30


def test_every_fault_of_file_and_variables_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "farm.yaml"
    config.write_text("lease_second: 3\nmax_failures: many\ndashboard_port: 70000\n")
    faults = faults_of({"FARM_LOG_LEVEL": "loud", "FARM_REDS_URL": "redis://x"}, config)
    assert len(faults) == 5
    said = "\n".join(faults)
    assert f"{config}:1: lease_second: unknown setting; did you mean 'lease_seconds'?" in said
    assert f"{config}:2: max_failures: must be a valid integer" in said
    assert "seen 'many'" in said
    assert f"{config}:3: dashboard_port: must be less than or equal to 65535; seen 70000" in said
    assert "FARM_LOG_LEVEL: log_level: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'; seen 'LOUD'" not in said
    assert "must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'; seen 'loud'" in said
    assert "environment variable FARM_REDS_URL: unknown setting; did you mean 'FARM_REDIS_URL'?" in said


def test_faults_between_settings_are_told_beside_the_others() -> None:
    faults = faults_of({"FARM_LEASE_SECONDS": "8", "FARM_S3_ACCESS_KEY_ID": "key", "FARM_MAX_FAILURES": "0"})
    said = "\n".join(faults)
    assert "lease_seconds (8) must be at least twice heartbeat_seconds (5)" in said
    assert "s3_access_key_id and s3_secret_access_key must be given together" in said
    assert "max_failures: must be greater than or equal to 1" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FARM_DATABASE_URL", "mysql://farm:tiger@db/farm"),
        ("FARM_DATABASE_URL", "tiger"),
        ("FARM_REDIS_URL", "http://:tiger@redis"),
    ],
)
def test_a_wrong_secret_is_named_but_never_shown(variable: str, value: str) -> None:
    (fault,) = faults_of({variable: value})
    assert variable in fault
    assert "must begin with one of" in fault
    assert "tiger" not in fault


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FARM_REDIS_URL", "redis://redis:port/0", "HOST or HOST:PORT"),
        ("FARM_REDIS_URL", "redis://:tiger?x@redis/0", "? %3F"),
        ("FARM_REDIS_URL", "rediss://:tiger/x@redis:6379/0", "/ is written %2F"),
        ("FARM_REDIS_URL", "redis://[::1/0", "of IPv6: [ADDRESS]:PORT"),
        ("FARM_REDIS_URL", "redis://redis:99999", "HOST or HOST:PORT"),
        ("FARM_REDIS_URL", "redis://redis/first", "must be a number"),
        ("FARM_REDIS_URL", "redis://redis/0?tiger=1", "an option behind its '?' that is none of client_name, db"),
        ("FARM_REDIS_URL", "redis://redis/0?ssl_ca_certs=/tiger.pem", "that is none of"),
        ("FARM_REDIS_URL", "unix://:x@/run/redis.sock?db=0&tiger=", "that is none of"),
        ("FARM_REDIS_URL", "redis+socket:///run/redis.sock?virtual_hosts=tiger", "that is none of"),
        ("FARM_S3_ENDPOINT_URL", "http://s3:port", "HOST or HOST:PORT"),
        ("FARM_PUBLIC_URL", "https://[::1", "HOST or HOST:PORT"),
    ],
)
def test_an_address_whose_host_or_port_cannot_be_read_is_a_fault_that_shows_no_password(
    variable: str, value: str, words: str
) -> None:
    (fault,) = faults_of({variable: value})
    assert variable in fault
    assert words in fault
    assert "tiger" not in fault


@pytest.mark.parametrize("value", ["redis://redis", "redis://redis/", "rediss://a:b%2Fc@[::1]:6379/15?protocol=3"])
def test_addresses_of_redis_that_can_be_read_are_taken(value: str) -> None:
    found = load_settings(variables={"FARM_REDIS_URL": value}).redis_url
    assert found is not None
    assert found.get_secret_value() == value


@pytest.mark.parametrize("scheme", sorted(OPTIONS))
def test_the_options_of_an_address_of_redis_are_those_that_its_client_takes(scheme: str) -> None:
    values = {"protocol": "3", "ssl_cert_reqs": "required", "ssl_min_version": "771"}
    for option in OPTIONS[scheme]:
        url = f"{scheme}://redis/0?{option}={values.get(option, '1')}"
        assert load_settings(variables={"FARM_REDIS_URL": url}).redis_url is not None
        connect(url).connection_pool.make_connection()  # raises for an option that it does not know


def test_secrets_are_masked_when_settings_are_printed() -> None:
    settings = Settings(secret_key=SecretStr("tiger"), database_url=SecretStr("postgresql://a:tiger@b/c"))
    assert "tiger" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "must hold keys and values"),
        ("lease_seconds: [1\n", "not YAML"),
        ("lease_seconds: 5\nlease_seconds: 6\n", "'lease_seconds' is also in line 1"),
        ("lease_seconds: \udcff\n", "not UTF-8"),
        ("a: &a {b: *a}\n", "not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_as_settings_says_where(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "farm.yaml"
    config.write_bytes(text.encode(errors="surrogateescape"))
    (fault,) = faults_of({}, config)
    assert str(config) in fault
    assert said in fault


def test_a_missing_file_is_named() -> None:
    (fault,) = faults_of({"FARM_CONFIG": "/nowhere/farm.yaml"})
    assert fault == "/nowhere/farm.yaml: the file cannot be read: No such file or directory"


def test_child_processes_get_the_same_settings_through_variables(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        secret_key=SecretStr("tiger"),
        catalog=[Path("/a.yaml"), Path("/b.yaml")],
        allowed_hosts=["farm.example", "localhost"],
        torch_threads=1,
    )
    again = load_settings(variables=settings.to_variables())
    assert again.model_dump() == settings.model_dump()
