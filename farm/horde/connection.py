"""A Horde over HTTP: pop, submit, upload. Its key goes to its own address only, and the farm's never goes there."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import httpx
import stamina
from pydantic import SecretStr, ValidationError

from farm.client.connection.address import is_loopback
from farm.client.connection.certificates import authorities
from farm.errors import FarmError
from farm.horde.protocol import NO_PICTURE, UPLOADED, Offering, Popped, Report
from farm.redaction import Redaction

_SECONDS = 30.0  # for one answer
_MOST_WORDS = 500  # characters of what a Horde says
#: Codes (`rc`) of answers that are true for the time being; others that refuse are about this worker, or its key.
_PASSING = frozenset(
    {"WorkerMaintenance", "WorkerFlaggedMaintenance", "MaintenanceMode", "TimeoutIP", "TooManyNewIPs", "Locked"}
)
_NOT_NOW = frozenset({408, 425, 429})


class HordeRefused(FarmError):
    """The Horde does not take this worker: look at its name, its key and its models."""

    type = "horde-refused"
    title = "Refused by the Horde"
    status = 403


class HordeAway(FarmError):
    """The Horde does not answer, or has no work for this worker for the time being."""

    type = "horde-away"
    title = "Horde away"
    status = 503
    exit_code = 3

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Horde:
    """One Horde, spoken to over kept connections, from several threads. Raises HordeRefused and HordeAway."""

    def __init__(self, url: str, key: SecretStr, agent: str, *, retry_seconds: float) -> None:
        self.url = url.rstrip("/")
        self._retry_seconds = retry_seconds
        self._redaction = Redaction([key.get_secret_value()])
        own = is_loopback(self.url)
        shared: dict[str, Any] = {"timeout": _SECONDS, "trust_env": not own, "verify": authorities(not own)}
        self._http = httpx.Client(headers={"apikey": key.get_secret_value(), "Client-Agent": agent}, **shared)
        self._links = httpx.Client(**shared)  # for upload links, which carry their own signature and get no key

    def __repr__(self) -> str:
        return f"Horde({self.url!r})"  # never the key

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()
        self._links.close()

    def pop(self, offering: Offering, models: Sequence[str]) -> Popped:
        """Ask for a job of these models. It is not asked for twice: the first answer may have been a job."""
        try:
            return Popped.model_validate(self._post("/v2/generate/pop", offering.body(models)))
        except ValidationError as error:
            fields = sorted({str(fault["loc"][0]) if fault["loc"] else "all of it" for fault in error.errors()})
            raise HordeAway(f"The Horde's answer cannot be read ({', '.join(fields)}).") from error

    def hand_back(self, report: Report, picture: bytes | None, link: str | None) -> None:
        """Say how a picture ended; a picture goes to its link, and into the answer where there is none, or it fails.

        Tried again while the Horde is away, for a bounded time. What the Horde has already is handed back.
        """
        generation = NO_PICTURE
        if picture is not None:
            uploaded = link is not None and self._upload(link, picture)
            generation = UPLOADED if uploaded else base64.b64encode(picture).decode("ascii")
        body = report.body(generation)
        caller = stamina.RetryingCaller(attempts=None, timeout=self._retry_seconds, wait_max=15.0)
        caller.on(HordeAway)(self._post, "/v2/generate/submit", body)

    def _upload(self, link: str, picture: bytes) -> bool:
        """Whether the picture is at its link. Links are followed to where the Horde itself might be, or encrypted."""
        if not (link.startswith("https://") or is_loopback(self.url)):
            return False

        def put() -> None:
            try:
                response = self._links.put(link, content=picture, headers={"Content-Type": "image/webp"})
            except httpx.HTTPError as error:
                raise HordeAway(f"The storage of the Horde does not answer ({type(error).__name__}).") from None
            if not response.is_success:
                raise HordeAway(f"The storage of the Horde answers with HTTP status {response.status_code}.")

        try:
            stamina.RetryingCaller(attempts=3, timeout=self._retry_seconds).on(HordeAway)(put)
        except (HordeAway, httpx.InvalidURL):
            return False
        return True

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            response = self._http.post(self.url + path, json=body)
        except httpx.TransportError as error:
            words = str(error) or type(error).__name__
            raise HordeAway(f"The Horde at {self.url} does not answer ({words}).") from None
        if response.is_success:
            try:
                return response.json()
            except ValueError:
                raise HordeAway(f"{self.url} does not answer as a Horde does: is this its address?") from None
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> FarmError:
        """What an answer that is no success means, in the Horde's own words."""
        try:
            told = response.json()
        except ValueError:
            told = {}
        told = told if isinstance(told, dict) else {}
        words = self._redaction.text(str(told.get("message") or f"HTTP status {response.status_code}"))[:_MOST_WORDS]
        if response.status_code < 500 and response.status_code not in _NOT_NOW and told.get("rc") not in _PASSING:
            return HordeRefused(f"The Horde says: {words}")
        given = response.headers.get("Retry-After", "")
        return HordeAway(f"The Horde says: {words}", float(given) if given.isdecimal() else None)
