"""The kinds of values that settings have: how a variable writes each, and what is checked of it."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

Named = TypeVar("Named")


def _listed(value: Any) -> Any:
    """A variable holds a list as words with commas between them."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _by_name(value: Any) -> Any:
    """A variable holds values by names as 'name=value' with commas between them."""
    if isinstance(value, str):
        pairs = [word.rpartition("=") for word in value.split(",") if word.strip()]
        return {name.strip(): text.strip() for name, _, text in pairs}
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _absolute(folder: Path) -> Path:
    # Children of `farm up` may run in another working directory.
    return folder.expanduser().absolute()


def _readable(file: Path) -> Path:
    # Only whether it can be read: what is in it is looked at by who uses it, and by the doctor.
    path = _absolute(file)
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise ValueError("must be a file that can be read")
    return path


def _networks(words: list[str]) -> list[str]:
    for word in words:
        try:
            ip_network(word)
        except ValueError as error:
            raise ValueError(f"must be networks such as 10.1.0.0/16 or fd00:1::/32: {error}") from None
    return words


def _classes(shares: dict[str, float]) -> dict[str, float]:
    if wrong := [name for name in shares if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name)]:
        raise ValueError(f"names of classes have 1 to 20 letters, digits and hyphens; seen {wrong[0]!r}")
    if "normal" not in shares:
        raise ValueError("needs a class 'normal': that of requests that name none")
    return shares


def _web_address(url: str) -> str:
    with_place(with_scheme(SecretStr(url), ("http", "https")))
    return url.rstrip("/")


def _database(url: SecretStr) -> SecretStr:
    return with_scheme(url, ("sqlite", "postgresql", "postgresql+psycopg"))


def _sentry(address: SecretStr) -> SecretStr:
    if address and not re.fullmatch(r"https?://[^@/\s]+@[^@/\s]+(/\S*)?/[0-9]+", address.get_secret_value()):
        raise ValueError("must be an address such as https://KEY@sentry.example.org/1")
    return address


def with_place(url: SecretStr) -> SecretStr:
    """The address as it is. Raises ValueError, without the address, when what stands for its host and port is neither.

    What a library says of such an address has a part of it, which may be of the password.
    """
    try:
        urlsplit(url.get_secret_value()).port  # noqa: B018  (reads it)
    except ValueError:
        raise ValueError(
            "has something else than HOST or HOST:PORT (of IPv6: [ADDRESS]:PORT) before its path; "
            "in a password / is written %2F, ? %3F, # %23, [ %5B and @ %40"
        ) from None
    return url


def with_scheme(url: SecretStr, schemes: tuple[str, ...]) -> SecretStr:
    """The address as it is. Raises ValueError, without the address, when it begins with none of these schemes."""
    scheme, found, rest = url.get_secret_value().partition(":")
    if scheme not in schemes or not found or not rest.startswith("//"):
        # The scheme is no secret; the rest of the URL may hold a password.
        seen = repr(scheme) if found and rest.startswith("//") else "no '://' at all"
        raise ValueError(f"must begin with one of {', '.join(f'{name}://' for name in schemes)}; seen {seen}")
    return url


Positive = Annotated[float, Field(gt=0)]
Folder = Annotated[Path, AfterValidator(_absolute)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
Words = Annotated[list[str], BeforeValidator(_listed)]
Paths = Annotated[list[Path], BeforeValidator(_listed)]
#: Of IP, such as 10.1.0.0/16.
Networks = Annotated[list[str], BeforeValidator(_listed), AfterValidator(_networks)]
#: Numbers of classes, in an order that matters: 'urgent=16,normal=4,bulk=1'.
Shares = Annotated[dict[str, Positive], BeforeValidator(_by_name), AfterValidator(_classes)]
#: Values by names, as of groups of a sign-in service to what they stand for: 'render-team=artist,*=viewer'.
ByName = Annotated[dict[str, Named], BeforeValidator(_by_name)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database)]
SentryAddress = Annotated[SecretStr, AfterValidator(_sentry)]
