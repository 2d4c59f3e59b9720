"""Secrets never reach a log: the last step before a log line is drawn masks what must not be seen.

Three nets, because each has holes: names of fields (`password=…`), forms of secrets (`lf_…`, `Bearer …`, the
signature of a presigned link, `scheme://user:password@`), and the very values that the settings call secret,
wherever they turn up.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from pydantic import BaseModel, SecretStr
from structlog.typing import EventDict, WrappedLogger

MASK = "***"
#: Settings shorter than this are masked by name and form only: a short value would blot out ordinary words.
SHORTEST_KNOWN_SECRET = 6  # characters

# A field is secret when its name contains one of these; prompts are the users' own affair.
_SECRET_NAMES = re.compile(
    r"password|passwd|passphrase|secret|token|authorization|cookie|credential|api_?key|access_?key|signature"
    r"|^(negative_)?prompts?$",
    re.IGNORECASE,
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"lf_[0-9A-Za-z]{8,}"), f"lf_{MASK}"),
    (re.compile(r"whsec_[0-9A-Za-z+/=]{8,}"), f"whsec_{MASK}"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\",;]+", re.IGNORECASE), rf"\1 {MASK}"),
    # scheme://user:password@host and scheme://:password@host; the password may itself contain '@'
    (re.compile(r"\b([a-z][a-z0-9+.\-]*://)([^\s/:@'\"]*):([^\s/'\"]+)@", re.IGNORECASE), rf"\1\2:{MASK}@"),
    (
        re.compile(r"\b((?:X-Amz-)?Signature|X-Amz-(?:Credential|Security-Token)|AWSAccessKeyId)=[^&\s'\"]+", re.I),
        rf"\1={MASK}",
    ),
    (
        re.compile(
            r"""(["']?\b[\w\-]*(?:password|passwd|secret|api_?key|access_?key|csrf_?token)[\w\-]*["']?\s*[=:]\s*)"""
            r"""("[^"]*"|'[^']*'|[^\s,;&)}\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)


class Redaction:
    """A structlog processor that masks secrets in every value of a log line, however deep.

    Put it after the processors that turn exceptions into text and before the renderer.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        written = {form for secret in known for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        # The longest first, so that a secret that contains another is masked whole.
        self._known = sorted((form for form in written if len(form) >= SHORTEST_KNOWN_SECRET), key=len, reverse=True)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {key: self._value(key, value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """The text with every secret in it masked."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        for pattern, replacement in _FORMS:
            text = pattern.sub(replacement, text)
        return text

    def _value(self, name: object, value: object) -> object:
        if isinstance(name, str) and value is not None and _SECRET_NAMES.search(name):
            return MASK
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case bytes():
                return self.text(value.decode("utf-8", "replace"))
            case Mapping():
                return {self.text(str(key)): self._value(key, inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._value("", inner) for inner in value]
            case _:
                return self.text(str(value) if isinstance(value, BaseException) else repr(value))


def known_secrets(settings: BaseModel) -> list[str]:
    """The values that the settings hold as secrets; of a URL only its password."""
    found: list[str] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.extend(_secret_parts(value.get_secret_value()))
    return found


def _secret_parts(value: str) -> list[str]:
    if "://" not in value:
        return [value]
    try:
        url = urlsplit(value)
        passwords = [url.password, *(text for key, text in parse_qsl(url.query) if key == "password")]
    except ValueError:
        return [value]
    return [form for password in passwords if password for form in (password, unquote(password))]
