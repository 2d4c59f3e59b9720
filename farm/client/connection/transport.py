"""Requests to a farm: time limits, retries of what may be repeated, answers and problems read from JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import stamina
from pydantic import ValidationError

from farm.client.connection.address import Address, is_loopback
from farm.client.connection.certificates import authorities
from farm.client.errors import FarmProblem, FarmUnreachable
from farm.client.replies import Reply
from farm.clock import steady_clock, system_clock
from farm.errors import Fault, InvalidRequest

ReplyT = TypeVar("ReplyT", bound=Reply)
T = TypeVar("T")

#: HTTP statuses that say 'not now': the request was not carried out, or may be repeated.
_NOT_NOW = frozenset({429, 502, 503, 504})
#: What went wrong before a byte of the request was sent.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: How long an answer may take that is given when all is done: to move the 982,234 renders that were left of a job of
#: a million took between one and two minutes, and a busy farm took 36 s for a part of a file that takes 2 otherwise.
LONG_CALL_SECONDS = 900.0
_LONGEST_PAUSE = 60.0  # seconds, whatever a Retry-After says


class Transport:
    """One farm, spoken to over kept connections.

    `timeout` is how many seconds one answer may take, `retry_seconds` for how many seconds a call is tried again.
    """

    def __init__(self, address: Address, *, timeout: float, retry_seconds: float) -> None:
        self.url = address.url
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {address.key}", "Accept": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            trust_env=not is_loopback(address.url),
            verify=authorities(not is_loopback(address.url)),
            event_hooks={"response": [self._note_time]},
        )
        self._ahead: float | None = None  # the farm's time less our steady clock

    def time(self) -> float:
        """The farm's time, seconds since 1970, as its last answer says; before any, this machine's."""
        return system_clock() if self._ahead is None else steady_clock() + self._ahead

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a read."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return self._send(lambda: self._http.get(self.url + path, params=given), repeatable=True)

    def get_bytes(self, path: str, *, accept: str) -> bytes:
        """The body of the answer to a read, of that content type."""
        headers = {"Accept": f"{accept}, application/problem+json"}
        content: bytes = self._send(
            lambda: self._http.get(self.url + path, headers=headers), repeatable=True, read=_content
        )
        return content

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, repeatable: bool) -> Any:
        """The JSON answer to a change; one not `repeatable` is sent again only if it never went out."""
        return self._send(lambda: self._http.post(self.url + path, json=body, headers=headers), repeatable=repeatable)

    def submit(self, path: str, body: Any, key: str) -> Any:
        """The JSON answer to a submission, which is one job however often it is sent under this Idempotency-Key.

        Raises FarmUnreachable, which says that the job may be there where a try went out and its answer never came.
        """
        went_out = False

        def send() -> httpx.Response:
            nonlocal went_out
            try:
                return self._http.post(self.url + path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                went_out = went_out or not isinstance(error, _NEVER_SENT)
                raise

        try:
            return self._send(send, repeatable=True)
        except FarmUnreachable as lost:
            if not went_out:
                raise
            raise FarmUnreachable(
                f"{lost} It was sent, so the job may be there all the same: look with `farm jobs` before you send it "
                f"anew, or send it with the same idempotency_key ({key!r}), which is one job however often."
            ) from lost.__cause__

    def control(self, path: str, body: Any = None) -> Any:
        """The JSON answer to a change of many renders, which may take its time and may be asked for again."""
        limits = self._long_call()
        return self._send(lambda: self._http.post(self.url + path, json=body, timeout=limits), repeatable=True)

    def post_bytes(self, path: str, data: bytes, *, params: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """The JSON answer to bytes, which may take its time; they may be sent again as often as needed."""
        limits = self._long_call()
        return self._send(
            lambda: self._http.post(self.url + path, content=data, params=params, headers=headers, timeout=limits),
            repeatable=True,
        )

    def patch(self, path: str, body: Any) -> Any:
        """The JSON answer to a change that may be asked for again."""
        return self._send(lambda: self._http.patch(self.url + path, json=body), repeatable=True)

    def delete(self, path: str) -> Any:
        """The JSON answer to a removal, None where it has none; one whose answer is lost is not asked for again."""
        return self._send(lambda: self._http.delete(self.url + path), repeatable=False)

    @contextmanager
    def stream(
        self,
        path: str,
        params: Mapping[str, Sequence[str]],
        *,
        headers: Mapping[str, str],
        quiet: float,
        retry_seconds: float,
    ) -> Iterator[httpx.Response]:
        """An open stream of server-sent events; opening it is tried for `retry_seconds` seconds.

        Silence of more than `quiet` seconds raises httpx.ReadTimeout while it is read.
        """
        request = self._http.build_request(
            "GET",
            self.url + path,
            params=params,
            headers={"Accept": "text/event-stream", **headers},
            timeout=httpx.Timeout(self._timeout, read=quiet),
        )

        def open_it() -> httpx.Response:
            with self._reaching():
                response = self._http.send(request, stream=True)
                if not response.is_success:
                    response.read()
                    response.close()
                    raise _problem(response)
                return response

        response = self._trying(open_it, retry_seconds=retry_seconds, repeatable=True)
        try:
            yield response
        finally:
            response.close()

    def _long_call(self) -> httpx.Timeout:
        return httpx.Timeout(self._timeout, read=max(self._timeout, LONG_CALL_SECONDS))

    def _note_time(self, response: httpx.Response) -> None:
        with suppress(ValueError, KeyError):
            self._ahead = float(response.headers["Farm-Time"]) - steady_clock()

    def _send(
        self,
        send: Callable[[], httpx.Response],
        *,
        repeatable: bool,
        read: Callable[[httpx.Response], Any] | None = None,
    ) -> Any:
        def once() -> Any:
            with self._reaching():
                response = send()
            if not response.is_success:
                raise _problem(response)
            return (read or _json)(response)

        return self._trying(once, retry_seconds=self._retry_seconds, repeatable=repeatable)

    def _trying(self, call: Callable[[], T], *, retry_seconds: float, repeatable: bool) -> T:
        caller = stamina.RetryingCaller(
            attempts=None, timeout=retry_seconds, wait_initial=0.2, wait_max=5.0, wait_jitter=0.5
        )
        return caller.on(lambda error: _again(error, repeatable=repeatable))(call)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turns what httpx raises into something that names the farm and says what to do."""
        try:
            yield
        except httpx.TransportError as error:
            raise FarmUnreachable(
                f"The farm at {self.url} does not answer ({str(error) or type(error).__name__}): "
                "check that it runs, and FARM_URL."
            ) from error


def api_path(*parts: str) -> str:
    """A path of the API, each part quoted: what a person typed as an id stays one part.

    Raises InvalidRequest for an empty part, as of a shell's variable that is not set: it would be another address.
    """
    if not all(parts):
        raise InvalidRequest([Fault("/id", "must not be empty; give an id or a name")])
    return "/api/v1/" + "/".join(quote(part, safe="").replace(".", "%2E") for part in parts)


def read_reply(kind: type[ReplyT], answer: Any) -> ReplyT:
    """A typed reply; raises FarmProblem when the answer lacks what every farm says."""
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        fields = sorted({str(fault["loc"][0]) if fault["loc"] else "all of it" for fault in error.errors()})
        raise FarmProblem(
            f"A {kind.__name__.lower()} came back that this client cannot read ({', '.join(fields)}): "
            "the versions of farm and client do not fit.",
            title="Answer not understood",
        ) from error


def _again(error: Exception, *, repeatable: bool) -> bool | float:
    """Whether a failed call is worth another try; seconds to wait when the farm named them."""
    if isinstance(error, FarmUnreachable):
        return repeatable or isinstance(error.__cause__, _NEVER_SENT)
    if isinstance(error, FarmProblem) and error.type == "quota-exceeded":
        return False  # it frees in minutes or at midnight: the caller should know that, not wait for it
    if isinstance(error, FarmProblem) and error.status in _NOT_NOW and (repeatable or error.status == 429):
        return True if error.retry_after is None else min(error.retry_after, _LONGEST_PAUSE)
    return False


def _problem(response: httpx.Response) -> FarmProblem:
    if response.is_redirect:
        return FarmProblem(
            f"{response.url} sends on to {response.headers.get('Location', 'another place')}: "
            "give the farm's own address (FARM_URL).",
            title="Not a farm's answer",
            status=response.status_code,
        )
    try:
        document = response.json()
    except ValueError:
        document = None
    return FarmProblem.from_document(document, response.status_code, _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; the header's other form, a date, is not used by a farm."""
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else None


def _content(response: httpx.Response) -> bytes:
    return response.content


def _json(response: httpx.Response) -> Any:
    if response.status_code == httpx.codes.NO_CONTENT:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise FarmProblem(
            f"{response.url} answered with {response.headers.get('Content-Type', 'something')}, "
            "not with JSON: is this the address of a farm (FARM_URL)?",
            title="Not a farm's answer",
            status=response.status_code,
        ) from error
