"""docs/production.md, walked word by word: what it says is run, in its order, on servers that are nobody's default."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.local.certificates import Certificates
from farm.local.ports import Ports
from farm.local.postgres import postgres
from farm.local.processes import Processes
from tests.clean_environments import ROOT, CleanEnvironment
from tests.end_to_end.another_machine import Visitor, visitor
from tests.own_storage import KEY_ID, SECRET, rclone_s3
from tests.tls import tls_in_front
from tests.valkeys import own_valkey
from tests.waiting import eventually

PAGE = ROOT / "docs/production.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Installing has tests of its own: here it is only seen that the page asks for what is there.
BEFORE = """
set -euo pipefail
pip() { test "$*" = "install latent-farm[dashboard,worker]"; }
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
"""
#: The page's last command has ended well; now the test looks around.
AFTER = """
touch walked
sleep infinity & wait $!
"""


def script_of_the_page(places: dict[str, str]) -> str:
    """All commands of the page, with the places of its example replaced by those of the test."""
    text = "\n".join(BLOCK.findall(PAGE.read_text()))
    for example, real in places.items():
        assert example in text, f"the page does not name {example} any more"
        text = text.replace(example, real)
    assert "example.org" not in text
    return BEFORE + text + AFTER


@contextmanager
def own_postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL with a password, on a port."""
    folder.mkdir()
    processes = Processes(folder, print)
    try:
        server = postgres(folder / "postgres", Ports(folder / "ports.json"), "a-password-of-postgres")
        processes.start(server.program)
        processes.wait_ready(["postgres"])
        yield server.url
    finally:
        processes.stop()


def free_port(address: str) -> int:
    with socket.create_server((address, 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def walk(folder: Path, script: str, variables: dict[str, str]) -> Iterator[Path]:
    """Run the page as a person would, until it has come to its end; what it said is in the file."""
    log = folder / "said"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: (folder / "walked").exists() or process.poll() is not None, timeout=1500)
        assert process.poll() is None, log.read_text()
        yield log
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(240)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_page_on_production_leads_from_nothing_to_a_picture(
    wheel: Path, certificates: Certificates, tmp_path: Path
) -> None:
    # Given servers of one's own: nothing is at its default address, and no bucket is there
    here = CleanEnvironment(tmp_path / "environment", wheel, ["dashboard", "worker"])
    home = tmp_path / "home"
    home.mkdir()
    with (
        visitor() as outside,
        own_postgres(tmp_path / "sql") as database,
        own_valkey() as redis,
        tls_in_front(redis.socket, certificates) as redis_port,
        rclone_s3(tmp_path / "s3", outside.address, tmp_path / "s3.log") as storage,
    ):
        port = free_port(outside.address)
        address = f"http://{outside.address}:{port}"
        script = script_of_the_page(
            {
                "postgresql+psycopg://farm:PASSWORD@db.example.org:5432/farm?sslmode=verify-full": database,
                "rediss://:PASSWORD@redis.example.org:6379/0": f"rediss://:{redis.password}@127.0.0.1:{redis_port}/0",
                "https://s3.example.org": storage,
                "KEY-ID": KEY_ID,
                "SECRET-KEY": SECRET,
                "https://farm.example.org": address,
                "/etc/ssl/authority.pem": str(certificates.authority),
                "/var/lib/latent-farm": str(home / "data"),
                "8420": str(port),
            }
        )

        # When the page is followed to its end
        with walk(home, script, here.variables(home)) as log:
            # Then there is a picture, and the doctor has nothing to blame
            [picture] = (home / "pictures").rglob("*.png")
            assert picture.read_bytes().startswith(b"\x89PNG")
            doctor = log.read_text().rpartition("what to do")[2]
            assert "fail\t" not in doctor
            assert f"The dashboard answers at {address}, and is ready." in doctor
            assert "A scheduler is at work." in doctor
            assert "Workers are at work: 1 of first-light." in doctor
            look_from_outside(outside, address, (home / "ci.key").read_text().strip(), log.read_text())
        said = log.read_text()
        assert "Traceback" not in said
        for secret in (redis.password, SECRET, "a-password-of-postgres", (home / "ci.key").read_text().strip()):
            assert secret not in said


def look_from_outside(outside: Visitor, address: str, key: str, said: str) -> None:
    """Another machine reaches the pages, by the public address, and the files behind their links."""
    assert outside.get(f"{address}/healthz") == "ok\n"
    assert outside.get(f"{address}/healthz", "-H", "Host: dashboard.render.svc.cluster.local") == "ok\n"
    assert json.loads(outside.get(f"{address}/readyz"))["status"] == "ready"
    link = next(word for word in said.split() if word.startswith(f"{address}/sign-in/"))
    assert "Sign in" in outside.get(link)
    bearer = ("-H", f"Authorization: Bearer {key}")
    [job] = json.loads(outside.get(f"{address}/api/v1/jobs", *bearer))["items"]
    [render] = json.loads(outside.get(f"{address}{job['links']['renders']}", *bearer))["items"]
    files = json.loads(outside.get(f"{address}/api/v1/renders/{render['id']}", *bearer))["artifacts"]
    outside.get(next(file["url"] for file in files if file["kind"] == "output"), "-o", os.devnull)
