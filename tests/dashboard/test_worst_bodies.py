"""What one person sends stops nobody: the worst that is permitted of each kind, at a dashboard that really runs.

One process serves it, so that nothing is said by another one that happens to be free.
"""

import io
import json
import re
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr

from tests.dashboard.conftest import House
from tests.dashboard.crowd import Crowd, crowd
from tests.dashboard.serving import served
from tests.servers import S3

MODEL = {"model": "sana-demo"}
Ask = Callable[[httpx.Client], httpx.Response]


def adapter(layers: int, *, sides: list[int] | None = None) -> bytes:
    """A LoRA of so many layers of rank 1; `sides`: instead of those of its first tensor."""
    header: dict[str, Any] = {}
    for place in range(2 * layers):
        name = f"transformer.blocks.{place // 2}.to_q.lora_{'AB'[place % 2]}.weight"
        header[name] = {"dtype": "F16", "shape": [1, 1], "data_offsets": [2 * place, 2 * place + 2]}
    if sides is not None:
        next(iter(header.values()))["shape"] = sides
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + bytes(4 * layers)


def picture(side: int) -> bytes:
    """A square picture that is small as a file and large when it is decoded."""
    buffer = io.BytesIO()
    Image.new("RGBA", (side, side), (200, 30, 30, 128)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def upload(data: bytes, name: str) -> Ask:
    return lambda client: client.post("/api/v1/inputs", params={"name": name}, content=data)


def submit(**asked: Any) -> Ask:
    return lambda client: client.post("/api/v1/jobs", json={**MODEL, "prompt": "a red circle", **asked})


def stream(rows: int) -> Ask:
    """A file of prompts, a row each."""
    lines = "".join(json.dumps({"prompt": f"a red circle {row}"}) + "\n" for row in range(rows))
    headers = {"Idempotency-Key": f"{rows} rows", "Content-Type": "application/x-ndjson"}
    return lambda client: client.post("/api/v1/jobs/stream", params=MODEL, content=lines.encode(), headers=headers)


def values(count: int) -> list[float]:
    return [1 + place / count for place in range(count)]


@pytest.fixture
def people(make_house: Callable[..., House], valkey_url: str, s3: S3, tmp_path: Path) -> Iterator[tuple[Crowd, str]]:
    """A dashboard of one process with people at it, and its address."""
    house = make_house(
        redis_url=SecretStr(valkey_url),
        s3_endpoint_url=s3.s3_endpoint_url,
        s3_access_key_id=s3.s3_access_key_id,
        s3_secret_access_key=s3.s3_secret_access_key,
        dashboard_processes=1,
        sign_in_tries_per_name=1000,
        sign_in_tries_per_address=1000,
    )
    log = tmp_path / "dashboard.log"
    with served(house, log) as (url, _), crowd(house, url) as found:
        found.headers = house.ours.headers
        yield found, url
    assert "Traceback" not in log.read_text()


def quick() -> dict[str, tuple[Ask, int]]:
    """What is sent → the request, and the status of its answer."""
    return {
        "an adapter of many layers": (upload(adapter(1_000), "ink.safetensors"), 201),
        "an adapter with absurd sides": (upload(adapter(1, sides=[10**18] * 8), "ink.safetensors"), 422),
        "a large picture": (upload(picture(2_000), "scene.png"), 201),
        "a sweep": (submit(guidance_scale=values(1_000)), 201),
        "what a sweep would cost": (submit(guidance_scale=values(1_000), dry_run=True), 200),
        "many prompts": (submit(prompt=[f"a red circle {place}" for place in range(5_000)]), 201),
        "many wrong prompts": (submit(prompt=[1] * 19_000), 422),
        "fields that nobody knows": (submit(**{f"field{place}": 1 for place in range(900)}), 422),
        "gaps that make a prompt endless": (
            submit(prompt=["{a}" * 100] * 400, variables={"a": ["x" * 90_000]}),
            422,
        ),
        "wildcards with many choices": (
            submit(prompt=["__a__" * 100] * 500, wildcards={"a": ["x"] * 10_000}),
            201,
        ),
        "a table that is none": (submit(prompt="{a}", rows="a\n" + "x,y\n" * 50_000), 422),
        "a file of prompts": (stream(2_000), 201),
    }


def heavy() -> dict[str, tuple[Ask, int]]:
    """The same of what takes a while."""
    return {
        "an adapter of as many layers as are read": (upload(adapter(9_000), "paint.safetensors"), 201),
        "the largest picture": (upload(picture(7_071), "scene.png"), 201),
        "the largest sweep": (submit(guidance_scale=values(10_000)), 201),
        "what the largest sweep would cost": (submit(guidance_scale=values(10_000), dry_run=True), 200),
        "the largest job": (submit(prompt=[f"a red circle {place:<60}" for place in range(9_900)]), 201),
        "a large file of prompts": (stream(30_000), 201),
    }


def assert_stops_nobody(people: tuple[Crowd, str], kinds: dict[str, tuple[Ask, int]]) -> None:
    others, url = people
    with httpx.Client(base_url=url, headers=others.headers, timeout=280) as client:
        for name, (ask, status) in kinds.items():
            answer, heard = others.during(lambda ask=ask: ask(client))  # type: ignore[misc]
            assert answer.status_code == status, f"{name}: {answer.text[:500]}"
            print(name, heard)
            heard.went_on()


@pytest.mark.long
def test_the_worst_of_each_kind_stops_neither_the_health_nor_a_live_page(people: tuple[Crowd, str]) -> None:
    assert_stops_nobody(people, quick())


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_largest_of_each_kind_stops_neither_the_health_nor_a_live_page(people: tuple[Crowd, str]) -> None:
    assert_stops_nobody(people, heavy())


@pytest.mark.long
def test_wrong_passwords_by_the_dozen_stop_nobody(people: tuple[Crowd, str]) -> None:
    others, url = people
    with httpx.Client(base_url=url, timeout=280) as client:
        page = client.get("/sign-in", headers={"Accept": "text/html"}).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found
        # Of somebody unknown: the hash that it is held against was made by the server, as those of a farm are.
        form = {"name": "nobody", "password": "wrong", "csrf_token": found[1]}
        cookies = dict(client.cookies)

    def sign_in(_: int) -> int:
        return httpx.post(f"{url}/sign-in", data=form, cookies=cookies, timeout=280, verify=False).status_code

    with ThreadPoolExecutor(48) as threads:
        answers, heard = others.during(lambda: list(threads.map(sign_in, range(48))))
    assert set(answers) == {401}
    print(heard)
    heard.went_on()


def test_a_form_of_a_hundred_thousand_fields_is_refused(people: tuple[Crowd, str]) -> None:
    others, url = people
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ask = lambda: httpx.post(f"{url}/sign-in", content=b"a&" * 4_000, headers=form, verify=False)  # noqa: E731
    answer, heard = others.during(ask)
    assert answer.status_code == 413
    heard.went_on()


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_all_at_once_stop_nobody(people: tuple[Crowd, str]) -> None:
    """Twelve requests of one person at once: some may be told to come again, none is lost, and all others go on."""
    others, url = people
    asked = [ask for ask, _ in (*quick().values(), *heavy().values())]
    with (
        httpx.Client(base_url=url, headers=others.headers, timeout=900) as client,
        ThreadPoolExecutor(len(asked)) as threads,
    ):
        answers, heard = others.during(lambda: list(threads.map(lambda ask: ask(client), asked)))
    assert {answer.status_code for answer in answers} <= {200, 201, 413, 422, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
    print(heard)
    heard.went_on()
