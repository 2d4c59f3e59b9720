"""What outputs say of where they come from: whether this machine could sign them, and for how long."""

from collections.abc import Iterator

from farm.clock import system_clock
from farm.doctor.certificates import DAY_SECONDS, SOON_DAYS
from farm.doctor.findings import Finding, Level
from farm.provenance.certificate import CannotSign, certificate_of
from farm.provenance.credentials import Signer
from farm.settings import Settings

PART = "provenance"


def check(settings: Settings) -> Iterator[Finding]:
    """Sign a picture of one pixel where a key is set, as workers have one; look at the certificate where it is not."""
    if settings.provenance != "credentials":
        told = {"none": "say nothing of where they come from", "source-type": "hold IPTC's digital source type"}
        yield Finding(PART, Level.OK, f"Outputs {told[settings.provenance]} (FARM_PROVENANCE).")
        return
    now = system_clock()
    try:
        certificate = certificate_of(settings)
        assert certificate is not None, "credentials need one"
        certificate.check_time(now)
        if settings.credentials_key_file is not None:
            Signer.open(settings, now)
            yield Finding(PART, Level.OK, f"A picture was signed by {certificate.subject}.")
            if settings.credentials_key_file.stat().st_mode & 0o077:
                words = f"{settings.credentials_key_file}: others on this machine may read or change the key."
                yield Finding(PART, Level.WARN, words, f"chmod 600 {settings.credentials_key_file}")
        else:
            yield Finding(PART, Level.OK, f"{certificate.subject}: no key is set here, which only workers need.")
    except CannotSign as error:
        yield Finding(PART, Level.FAIL, f"Outputs cannot be signed: {error}.", "Until then workers do not start.")
        return
    days = (certificate.ends_at - now) / DAY_SECONDS
    words = f"The certificate that signs outputs is good for {days:,.0f} days."
    yield Finding(PART, Level.WARN, words, "Renew it.") if days < SOON_DAYS else Finding(PART, Level.OK, words)
