"""Certificates of servers: whose are trusted, and the words for one that is not."""

import re
import ssl
from collections.abc import Iterator

#: libpq has only text. The second is that of an authority with the right name and another key.
_OF_LIBPQ = re.compile("certificate verify failed|signature failure|server certificate for .* does not match host name")


#: What OpenSSL misses in a certificate when it is as strict as Python 3.13 and newer make it (`VERIFY_X509_STRICT`).
_OF_RFC_5280 = re.compile("Key Identifier|key usage extension|Basic Constraints of|Path length|name empty")


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that led to it, the outermost first; each once, though a chain may come back to its start:
    what is raised again 'from' an error that it had caused is a cause of itself.
    """
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and not any(found is one for one in seen):
        seen.append(found)
        yield found
        found = found.__cause__ or found.__context__


def distrusted(error: BaseException, setting: str) -> str | None:
    """Words for an error because of a server's certificate; None for any other.

    `setting` is the name of the setting that names a file with the certificates of an authority of one's own.
    """
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message.rstrip(".")
            remedy = _issue_anew() if _OF_RFC_5280.search(why) else _what_to_do(setting)
            return f"certificate not trusted ({why}){remedy}"
    if _OF_LIBPQ.search(str(error)):
        return f"certificate not trusted{_what_to_do(setting)}"
    return None


def _issue_anew() -> str:
    return (
        "; from version 3.13 on Python wants all that RFC 5280 asks for: issue the authority's certificate anew with "
        "basicConstraints (critical), keyUsage (keyCertSign) and subjectKeyIdentifier, and the server's with "
        "authorityKeyIdentifier"
    )


def _what_to_do(setting: str) -> str:
    return (
        f"; if an authority of your own signed it, name the file with the authority's certificate in {setting}, "
        "and use an address that the certificate names"
    )
