"""Which servers a farm on one machine must start itself, and what that means for its settings."""

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from farm.local.folder import DataFolder
from farm.local.keys import MadeKeys, ensure_keys
from farm.local.ports import HOST, Ports, is_free
from farm.local.postgres import postgres as postgres_server
from farm.local.program import Server, StartFailed
from farm.local.seaweed import seaweed
from farm.local.valkey import valkey
from farm.settings import Settings


def embedded_servers(
    settings: Settings, folder: DataFolder, keys: MadeKeys, ports: Ports, *, postgres: bool
) -> Iterator[tuple[Server, dict[str, Any]]]:
    """Each server that the settings do not name, with the settings that lead to it.

    Raises StartFailed when one is not installed, or when `postgres` is asked for beside another database.
    """
    if postgres:
        if settings.origin("database_url") != "default":
            place = settings.origin("database_url")
            raise StartFailed(f"Both --postgres and a database_url ({place}) are given; leave one of them out.")
        server = postgres_server(folder.path / "postgres", ports, keys.postgres_password)
        yield server, {"database_url": SecretStr(server.url)}
    if settings.redis_url is None:
        server = valkey(folder.path / "valkey", folder.runtime, keys.redis_password)
        yield server, {"redis_url": SecretStr(server.url)}
    if settings.s3_endpoint_url is None and settings.s3_access_key_id is None:
        key, secret = keys.s3_access_key_id, keys.s3_secret_access_key
        server = seaweed(folder.path / "seaweed", ports, key, secret, settings.s3_bucket)
        yield (
            server,
            {
                "s3_endpoint_url": server.url,
                "s3_access_key_id": SecretStr(key),
                "s3_secret_access_key": SecretStr(secret),
                "s3_region": "us-east-1",
            },
        )


def storage_of_folder(settings: Settings) -> Settings | None:
    """The settings with the object storage of the farm that runs on this data folder, if they name none themselves.

    None: there is no such folder. Nothing is contacted.
    """
    if settings.s3_endpoint_url is not None or settings.s3_access_key_id is not None:
        return settings
    keys, ports = settings.data_dir / "keys.json", settings.data_dir / "ports.json"
    port = Ports(ports).known("s3-s3")
    if port is None or not keys.exists():
        return None
    made = ensure_keys(keys)
    found = {
        "s3_endpoint_url": f"http://{HOST}:{port}",
        "s3_access_key_id": SecretStr(made.s3_access_key_id),
        "s3_secret_access_key": SecretStr(made.s3_secret_access_key),
    }
    return settings.model_copy(update=found)


def dashboard_port(settings: Settings, ports: Ports) -> int:
    """The port that was asked for; else the usual one or, if that is taken, any free one.

    Raises StartFailed when the port that was asked for is taken.
    """
    asked = settings.dashboard_port
    if asked and settings.origin("dashboard_port") != "default":
        if not is_free(asked, settings.dashboard_host):
            raise StartFailed(f"The port {asked} ({settings.origin('dashboard_port')}) is taken; name another one.")
        return asked
    return ports.take("dashboard", preferred=asked or None)
