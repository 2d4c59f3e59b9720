"""The object storage: every kind of request that the farm makes, tried on an object of our own."""

import ssl
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime

import httpx

from farm.clock import system_clock
from farm.doctor.addresses import is_inner
from farm.doctor.clocks import clock_finding
from farm.doctor.findings import Finding, Level
from farm.errors import FarmError, NotFound
from farm.ids import new_id
from farm.settings import Settings
from farm.storage import Storage

PART = "storage"
ANSWER_SECONDS = 10.0
CONTENT = b"written by farm doctor"
TYPE = "text/plain"


def check(settings: Settings) -> Iterator[Finding]:
    """Look for the bucket, then store, read, list and delete, and follow the links that people get."""
    storage = Storage(settings)
    key = f"doctor/{new_id()}.txt"
    place = f"{settings.s3_endpoint_url or 'AWS S3'}, bucket {settings.s3_bucket}"
    try:
        try:
            storage.ping(ANSWER_SECONDS)
            storage.put(key, CONTENT, TYPE)
        except NotFound:
            yield Finding(PART, Level.FAIL, f"{place}: there is no such bucket.", "farm storage init")
            return
        except FarmError as error:
            yield Finding(PART, Level.FAIL, error.detail, "Correct FARM_S3_… or start the server.")
            return
        yield Finding(PART, Level.OK, f"{place}: files are stored.")
        for what, request in _requests(storage, key):
            yield _try(what, request)
        yield from _links(storage, key, settings)
        yield _try("files are deleted", lambda: storage.delete([key]))
    finally:
        storage.close()


def _requests(storage: Storage, key: str) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "files are read", lambda: _expect(storage.get(key), CONTENT)
    yield (
        "files are read from their middle on",
        lambda: _expect(b"".join(storage.stream(key, 8, storage.version(key))), CONTENT[8:]),
    )
    yield "files are listed", lambda: _expect(list(storage.list(key)), [key])
    yield "broken uploads are looked for", lambda: storage.open_uploads(key)


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise NotFound("What came back is not what was stored.")


def _try(what: str, request: Callable[[], object]) -> Finding:
    try:
        request()
    except FarmError as error:
        remedy = "Give the key the rights that docs/production.md lists."
        if "Checksum" in error.detail:
            remedy = "Set FARM_S3_CHECKSUMS=when_required: this server gets newer checksums wrong."
        return Finding(PART, Level.FAIL, f"It does not work that {what}: {error.detail}", remedy)
    return Finding(PART, Level.OK, f"It works that {what}.")


def _links(storage: Storage, key: str, settings: Settings) -> Iterator[Finding]:
    """Whether the links lead somewhere, from here; and whether they can from where people are."""
    address = settings.s3_public_endpoint_url or settings.s3_endpoint_url or "AWS S3"
    remedy = "Correct FARM_S3_PUBLIC_ENDPOINT_URL: the storage's address as people's browsers reach it."
    try:
        # What browsers do: no proxy of ours, and only certificates that are trusted.
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False, verify=_trusted(settings)) as client:
            stored = client.put(storage.upload_link(key, TYPE), content=CONTENT, headers={"Content-Type": TYPE})
            read = client.get(storage.link(key))
    except (httpx.HTTPError, OSError) as error:
        yield Finding(PART, Level.FAIL, f"Links to {address} lead nowhere: {error or type(error).__name__}", remedy)
        return
    if not stored.is_success or not read.is_success or read.content != CONTENT:
        words = f"Links to {address} are refused: HTTP {stored.status_code} to store, {read.status_code} to read."
        yield Finding(PART, Level.FAIL, words, remedy)
        return
    yield Finding(PART, Level.OK, f"Links to {address} store and read files.")
    if told := read.headers.get("Date"):
        yield clock_finding(PART, system_clock() - parsedate_to_datetime(told).timestamp(), "the object storage")
    public = settings.public_url or ""
    if address.startswith("http") and is_inner(address) and public and not is_inner(public):
        words = f"People get links to {address}, which only machines near the farm can follow."
        yield Finding(PART, Level.FAIL, words, "Set FARM_S3_PUBLIC_ENDPOINT_URL.")
    if public.startswith("https:") and address.startswith("http:"):
        words = "Browsers show no pictures over http on pages that come over https."
        yield Finding(PART, Level.FAIL, words, "Give the storage TLS, and write https in FARM_S3_PUBLIC_ENDPOINT_URL.")


def _trusted(settings: Settings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.s3_ca_file)
