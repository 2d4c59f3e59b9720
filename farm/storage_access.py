"""How `farm.storage` reaches its server: boto3's client by the settings, and words for what goes wrong."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import SecretStr

from farm.errors import NotFound, StorageDown, StorageRefused
from farm.redaction import Redaction
from farm.tls_trust import causes, distrusted

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from mypy_boto3_s3 import S3Client

CA_SETTING = "FARM_S3_CA_FILE"
#: Of a server's own message: some quote the whole request.
LONGEST_MESSAGE = 300
#: What a refusal's code asks for.
REMEDIES = {
    "AccessDenied": "the key lacks the right to this; see docs/production.md for the rights that the farm needs",
    "InvalidAccessKeyId": "the server does not know FARM_S3_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check FARM_S3_SECRET_ACCESS_KEY and FARM_S3_REGION",
    "AuthorizationHeaderMalformed": "check FARM_S3_REGION",
    "PermanentRedirect": "the bucket is in another region or at another address; check FARM_S3_REGION",
    "NoSuchBucket": "make the bucket, or correct FARM_S3_BUCKET",
    "RequestTimeTooSkewed": "the clock of this machine and that of the server differ too much; set them (NTP)",
    "RequestExpired": "the clock of this machine and that of the server differ too much; set them (NTP)",
    "QuotaExceeded": "the quota of the bucket or of its owner is used up",
    "XMinioStorageFull": "the server's disks are full",
    "InsufficientStorage": "the server's disks are full",
    "507": "the server's disks are full",
}
_CHECKSUMS = "the server may not know the checksums of newer clients; set FARM_S3_CHECKSUMS=when_required"
#: What servers answer that do not know `x-amz-checksum-*`, or that want Content-MD5.
_CHECKSUM_CODES = frozenset({"NotImplemented", "MissingContentMD5", "XAmzContentSHA256Mismatch", "501"})
_CHECKSUM_WORDS = ("checksum", "trailer", "content-md5", "aws-chunked")


class AccessSettings(Protocol):
    """What a client needs to know of :class:`farm.settings.Settings`."""

    @property
    def s3_endpoint_url(self) -> str | None: ...
    @property
    def s3_region(self) -> str: ...
    @property
    def s3_access_key_id(self) -> SecretStr | None: ...
    @property
    def s3_secret_access_key(self) -> SecretStr | None: ...
    @property
    def s3_ca_file(self) -> Path | None: ...
    @property
    def s3_checksums(self) -> Literal["when_supported", "when_required"]: ...


def connect(settings: AccessSettings, endpoint: str | None, seconds: float | None = None) -> "S3Client":
    """A client for the server at `endpoint`; nothing is contacted.

    With `seconds` it waits no longer than that for a connection and for an answer, and asks once only.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    client = boto3.session.Session(botocore_session=session).client(
        "s3",
        endpoint_url=endpoint,
        region_name=settings.s3_region,
        # None: the ways of boto3 (environment, profile, the machine's role).
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        verify=str(settings.s3_ca_file) if settings.s3_ca_file else None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=seconds or 5,
            read_timeout=seconds or 60,
            retries={"mode": "standard", "total_max_attempts": 1 if seconds else 4},
            max_pool_connections=16,
            request_checksum_calculation=settings.s3_checksums,
            response_checksum_validation=settings.s3_checksums,
        ),
    )
    if settings.s3_checksums == "when_required":
        client.meta.events.register("before-call.s3.DeleteObjects", _send_md5)
    return client


def load_descriptions() -> None:
    """Import boto3 and read what it has written down of S3, for all processes that are forked from this one."""
    import boto3.s3.transfer  # of the first upload
    import boto3.session
    import botocore.session

    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    nobody, nothing = "nobody", "nothing"  # or it would look for some
    boto3.session.Session(botocore_session=session).client(
        "s3", region_name="us-east-1", aws_access_key_id=nobody, aws_secret_access_key=nothing
    )


@cache
def _descriptions() -> "Loader":
    """What botocore has written down of S3: read once in a process, not anew for each client (0.1 s)."""
    from botocore.loaders import create_loader

    return create_loader()


def _send_md5(params: dict[str, Any], **_: Any) -> None:
    """Deleting several objects requires a checksum: Content-MD5, the only one that every server knows."""
    body = params["body"]
    digest = hashlib.md5(body if isinstance(body, bytes) else str(body).encode(), usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
    for name in ("request_algorithm", "request_algorithm_header"):
        params["context"].get("checksum", {}).pop(name, None)


@contextmanager
def trouble(settings: AccessSettings, bucket: str, what: str) -> Iterator[None]:
    """Turn what boto3 raises into the farm's errors; never with an address that holds a signature.

    Raises NotFound for an object that is not there, StorageRefused when the server answered with an error, StorageDown
    when it did not answer.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
        # A transfer of several parts wraps what the server said.
        answer = next((cause for cause in causes(error) if isinstance(cause, ClientError)), None)
        place = f"{settings.s3_endpoint_url or 'AWS S3'}, bucket {bucket!r}"
        if answer is None:
            raise StorageDown(f"The object storage ({place}) {_no_answer(error)}.") from error
        if code_of(answer) in {"404", "NoSuchKey"}:
            raise NotFound(f"The bucket {bucket!r} has no object {what!r}.") from error
        raise _refused(settings, place, what, answer) from error


def code_of(error: Exception) -> str:
    """The code of a server's answer: 'AccessDenied', or the HTTP status where it gave no other."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", "unknown"))


def _refused(settings: AccessSettings, place: str, what: str, answer: Exception) -> StorageRefused:
    code, said = code_of(answer), str(getattr(answer, "response", {}).get("Error", {}).get("Message") or "")
    secrets = [secret for secret in (settings.s3_secret_access_key, settings.s3_access_key_id) if secret]
    said = " ".join(Redaction(secret.get_secret_value() for secret in secrets).text(said).split())[:LONGEST_MESSAGE]
    remedy = REMEDIES.get(code, "")
    if not remedy and (code in _CHECKSUM_CODES or any(word in said.lower() for word in _CHECKSUM_WORDS)):
        remedy = _CHECKSUMS
    words = "; ".join(part for part in (said.rstrip("."), remedy) if part)
    return StorageRefused(
        f"The object storage ({place}) refused {what!r}: {code}{f' ({words})' if words else ''}.", code
    )


def _no_answer(error: Exception) -> str:
    """Why there was no answer."""
    from botocore import exceptions

    if words := distrusted(error, CA_SETTING):
        return f"is not used: {words}"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return "cannot be asked without a key; set FARM_S3_ACCESS_KEY_ID and FARM_S3_SECRET_ACCESS_KEY"
    for cause in causes(error):
        if isinstance(cause, exceptions.ConnectTimeoutError | exceptions.ReadTimeoutError | TimeoutError):
            return "does not answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return f"cannot be reached: {cause.strerror}"
    return f"cannot be reached: {type(error).__name__}"
