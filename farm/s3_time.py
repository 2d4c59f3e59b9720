"""Requests to S3, and links, are signed with the farm's time: S3 refuses who is more than 15 minutes off.

boto3 signs with the machine's own clock and knows no other way (RequestTimeTooSkewed is an error to it like any
other). So a client is told to use signers of ours: boto3's own, which write another time into the request just before
they sign it.
"""

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)


def sign_by(client: "S3Client", clock: Clock) -> None:
    """Let the client sign everything from now on, requests and links, with the time of `clock`."""
    from botocore.auth import AUTH_TYPE_MAPS, SIGV4_TIMESTAMP, S3SigV4Auth, S3SigV4QueryAuth

    def stamp(request: Any) -> None:
        request.context["timestamp"] = datetime.fromtimestamp(clock(), UTC).strftime(SIGV4_TIMESTAMP)

    class RequestSigner(S3SigV4Auth):
        def _modify_request_before_signing(self, request: Any) -> None:
            stamp(request)
            super()._modify_request_before_signing(request)  # type: ignore[misc]  # the stubs leave it out

    class LinkSigner(S3SigV4QueryAuth):
        def _modify_request_before_signing(self, request: Any) -> None:
            stamp(request)
            super()._modify_request_before_signing(request)  # type: ignore[misc]  # the stubs leave it out

    # botocore finds signers by their names, and expects this ending of those for links.
    name = f"farm-{next(_numbers)}"
    ours = {"s3v4": name, "s3v4-query": f"{name}-query"}
    AUTH_TYPE_MAPS |= {name: RequestSigner, f"{name}-query": LinkSigner}

    def choose(signature_version: Any, **_: Any) -> str | None:
        return ours.get(signature_version)

    client.meta.events.register("choose-signer.s3", choose)  # type: ignore[arg-type]  # it is asked for an answer
