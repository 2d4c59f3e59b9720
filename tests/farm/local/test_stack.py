"""`farm up`: one farm a folder, kept running, stopped without a trace. The farm's own parts are a `sleep` here;
tests/end_to_end runs the real ones."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from farm.accounts import authenticate, redeem
from farm.client.connection.address import CLIENT_FILE
from farm.errors import InUse, UnknownPool
from farm.local.folder import DataFolder
from farm.local.ports import Ports, is_free
from farm.local.program import Program, StartFailed
from farm.local.stack import LocalStack, farm_programs
from farm.local.valkey import valkey
from farm.redis_connection import Wire
from farm.settings import Settings, load_settings
from farm.storage import Storage
from tests.farm.local.little_farm import sleeper
from tests.farm.local.test_processes import Teller, ended
from tests.servers import S3
from tests.waiting import eventually


@pytest.fixture
def lean(tmp_path: Path, valkey_url: str, s3: S3) -> Settings:
    """Settings of a farm that starts no servers of its own."""
    return Settings(
        data_dir=tmp_path / "data",
        dashboard_port=0,
        redis_url=SecretStr(valkey_url),
        s3_endpoint_url=s3.s3_endpoint_url,
        s3_access_key_id=s3.s3_access_key_id,
        s3_secret_access_key=s3.s3_secret_access_key,
    )


def sockets_outside(folder: Path) -> list[Path]:
    """Sockets that the servers of this data folder have elsewhere."""
    ports = json.loads((folder / "ports.json").read_text())
    return [path for port in ports.values() for path in Path("/tmp").glob(f"seaweedfs-*-{port + 10_000}.sock")]


@contextmanager
def little_farm(folder: Path, **who: Any) -> Iterator[tuple["subprocess.Popen[str]", dict[str, int]]]:
    """A farm with servers of its own, in a process of its own: that process, and its children's pids."""
    script = Path(__file__).with_name("little_farm.py")
    with subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE, text=True, **who) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line, "it did not start"
        yield process, json.loads(line)
        process.kill()


def test_a_farm_starts_its_servers_tells_where_it_is_and_keeps_its_data(tmp_path: Path) -> None:
    settings, said = Settings(data_dir=tmp_path / "dätä, mine", dashboard_port=0), Teller()
    with LocalStack(settings, programs=sleeper, notify=said) as stack:
        assert stack.names() == ["valkey", "seaweed", "sleeper"]
        # Who is here may come in.
        principal = authenticate(stack.engine, stack.key, 0)
        assert principal is not None
        link = stack.sign_in_link
        assert link.startswith(stack.url)
        assert redeem(stack.engine, link.rpartition("/")[2], 0) == principal
        assert redeem(stack.engine, link.rpartition("/")[2], 0) is None, "a link signs in once"
        here = stack.settings.data_dir / CLIENT_FILE
        assert json.loads(here.read_text()) == {"url": stack.url, "key": stack.key}
        assert stat.S_IMODE(here.stat().st_mode) == 0o600
        # The same settings lead a process to the same servers.
        told = load_settings(variables={k: v for k, v in stack.environment.items() if k.startswith("FARM_")})
        storage = Storage(told)
        storage.put("kept", b"for ever", "text/plain")
        storage.close()
        assert told.redis_url is not None
        wire = Wire(told.redis_url.get_secret_value(), "test")
        wire.ask(lambda client: client.set("kept", "too"), None)
        # Nobody else learns the secrets.
        shown = " ".join(" ".join(psutil.Process(stack.pid(name)).cmdline()) for name in stack.names())
        secrets = [told.secret_key, told.s3_secret_access_key, told.redis_url]
        assert not any(secret and secret.get_secret_value() in shown for secret in secrets)
        assert stat.S_IMODE(stack.settings.data_dir.stat().st_mode) == 0o700
        # A server that is killed comes back at its old address, with its data.
        stack.kill("valkey")
        eventually(lambda: any("valkey was started again" in line for line in said.lines))
        assert eventually(lambda: wire.ask(lambda client: client.get("kept"), None)) == "too"
        wire.close()
        pids = [stack.pid(name) for name in stack.names()]
        key, url = stack.key, stack.url

    # When it is stopped, nothing is left.
    assert all(ended(pid) for pid in pids)
    assert sockets_outside(settings.data_dir) == []
    assert list((settings.data_dir / "run").iterdir()) == []
    assert not (settings.data_dir / "tmp").exists()

    # When it is started again, all is as it was.
    with LocalStack(settings, programs=sleeper, notify=said) as stack:
        assert (stack.key, stack.url) == (key, url)
        storage = Storage(stack.settings)
        assert storage.get("kept") == b"for ever"
        storage.close()


def test_kill_9_leaves_no_process_behind_and_the_folder_can_be_used_again(tmp_path: Path) -> None:
    with little_farm(tmp_path / "data") as (process, pids):
        assert sorted(pids) == ["seaweed", "sleeper", "valkey"]
        process.kill()
        # Not waiting for the servers to end: the next start does.
        with little_farm(tmp_path / "data") as (_, new):
            assert all(ended(pid) for pid in pids.values())
            assert not set(pids.values()) & set(new.values())


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(lean: Settings) -> None:
    with LocalStack(lean, programs=sleeper) as stack:
        assert stack.names() == ["sleeper"], "servers that the settings name are used, and not started"
        with pytest.raises(InUse, match=rf"process id {os.getpid()}.*--data"):
            LocalStack(lean, programs=sleeper).__enter__()


def test_a_start_that_fails_stops_what_it_had_started(lean: Settings) -> None:
    def failing(stack: LocalStack) -> list[Program]:
        good = sleeper(stack)[0]
        bad = Program("bad", (sys.executable, "-c", "raise SystemExit('no model')"), {}, lean.data_dir, lambda: False)
        return [good, bad]

    stack = LocalStack(lean, programs=failing)
    before = set(psutil.Process().children())
    with pytest.raises(StartFailed, match=r"(?s)bad ended with code 1.*no model"):
        stack.__enter__()

    assert set(psutil.Process().children()) <= before
    DataFolder(lean.data_dir).release()  # it is free again


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(lean: Settings, s3: S3) -> None:
    taken = int(s3.s3_endpoint_url.rpartition(":")[2])
    with pytest.raises(StartFailed, match=f"The port {taken} .* is taken"):
        LocalStack(lean.model_copy(update={"dashboard_port": taken}), programs=sleeper).__enter__()


def test_two_databases_are_an_error(lean: Settings) -> None:
    settings = lean.model_copy(update={"database_url": SecretStr("postgresql://somewhere/farm")})
    with pytest.raises(StartFailed, match="--postgres and a database_url"):
        LocalStack(settings, postgres=True, programs=sleeper).__enter__()


def test_the_database_can_be_kept_in_a_postgresql_of_its_own(lean: Settings) -> None:
    with LocalStack(lean, postgres=True, programs=sleeper) as stack:
        assert stack.names() == ["postgres", "sleeper"]
        assert stack.engine.dialect.name == "postgresql"
        assert authenticate(stack.engine, stack.key, 0) is not None
        stack.restart("postgres")
        assert authenticate(stack.engine, stack.key, 0) is not None


def test_in_a_deep_folder_the_sockets_lie_elsewhere_and_are_removed(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20)
    killed = DataFolder(deep)
    (killed.scratch / "half a clip").touch()
    os.close(killed.lock)
    assert stat.S_IMODE(killed.runtime.stat().st_mode) == 0o700

    folder = DataFolder(deep)
    assert valkey(deep, folder.runtime, password="x").url
    assert not killed.runtime.exists(), "what a killed farm left is removed by the next"
    assert list(folder.scratch.iterdir()) == []
    folder.release()
    assert not folder.runtime.exists()


def test_workers_are_as_many_as_the_catalog_or_the_user_says(lean: Settings) -> None:
    stack = LocalStack(lean, workers={"sana-demo-local": 2, "wan-demo-local": 0})
    stack.environment, stack.url = {}, "http://127.0.0.1:1"
    stack.engine = None  # type: ignore[assignment]  # asked only when they run

    assert [program.name for program in farm_programs(stack)] == [
        "scheduler",
        "scorer",
        "worker-sana-demo-local-1",
        "worker-sana-demo-local-2",
        "worker-sprint-demo-local",
        "dashboard",
    ]
    with pytest.raises(UnknownPool):
        LocalStack(lean, workers={"sana-demo-lokal": 2})


def test_no_port_is_where_another_part_of_the_storage_listens_for_grpc(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    low = next(port for port in range(11_000, 12_000) if is_free(port) and is_free(port + 10_000))
    assert ports.take("s3-master", low, also=(0, 10_000)) == low
    assert ports.take("s3-admin", low + 10_000) != low + 10_000
    high = next(port for port in range(21_000, 22_000) if port != low + 10_000 and is_free(port))
    assert ports.take("s3-filer", high) == high
    assert ports.take("s3-volume", high - 10_000) != high - 10_000


def test_ports_are_remembered_and_others_taken_when_they_are_not_free(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json").take("s3", also=(0, 10_000))
    assert Ports(tmp_path / "ports.json").take("s3") == first
    assert Ports(tmp_path / "ports.json").take("other", preferred=first) != first
    assert is_free(first)


@pytest.fixture
def somebody(server_folder: Path) -> dict[str, Any]:
    """How to run a process as an ordinary user in a fresh home, if we may; `cwd` is that home."""
    home = server_folder / "home"
    home.mkdir()
    who: dict[str, Any] = {"cwd": home, "env": {"HOME": str(home), "PATH": os.defpath}}
    unprivileged = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    if os.geteuid() == 0 and _runs(unprivileged):
        server_folder.chmod(0o711)
        shutil.chown(home, "nobody", "nogroup")
        who |= unprivileged
    return who


def _runs(who: dict[str, Any]) -> bool:
    """Whether they may run this interpreter, which can lie in a folder that is closed to others."""
    try:
        return subprocess.run([sys.executable, "-c", "0"], **who, cwd="/", check=False).returncode == 0
    except PermissionError:
        return False


def test_an_ordinary_user_has_a_farm_that_a_signal_stops_in_order_without_a_trace(
    somebody: dict[str, Any],
) -> None:
    data = somebody["cwd"] / "data"
    with little_farm(data, **somebody) as (process, pids):
        assert sorted(pids) == ["seaweed", "sleeper", "valkey"]
        process.send_signal(signal.SIGTERM)

        assert process.wait(240) == 0
        assert process.stdout
        assert process.stdout.read() == "stopped\n"
    assert all(ended(pid) for pid in pids.values())
    assert sockets_outside(data) == []
    assert list((data / "run").iterdir()) == []
