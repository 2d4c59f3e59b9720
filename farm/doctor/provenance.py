"""What outputs say of where they come from: whether this machine could sign them, and for how long."""

from collections.abc import Collection, Iterator

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from farm.clock import system_clock
from farm.database import make_engine, read
from farm.doctor.certificates import DAY_SECONDS, SOON_DAYS
from farm.doctor.findings import Finding, Level
from farm.provenance.certificate import CannotSign, certificate_of
from farm.provenance.credentials import Signer
from farm.provenance.rules import OTHERS, read_rules, under
from farm.settings import Settings
from farm.tables import Project

PART = "provenance"
CONNECT_SECONDS = 5
_TOLD = {"none": "say nothing of where they come from", "source-type": "hold IPTC's digital source type"}


def check(settings: Settings) -> Iterator[Finding]:
    """Of the farm and of each project with a rule of its own; and whether there are such projects."""
    rules = read_rules(settings)
    if OTHERS not in rules:
        yield from _of("Outputs", "FARM_PROVENANCE", settings)
    for name, rule in rules.items():
        whose = "Outputs of all other projects" if name == OTHERS else f"Outputs of {name}"
        yield from _of(whose, "FARM_PROVENANCE_RULES", under(rule, settings))
        if not rule.drafts:
            yield Finding(PART, Level.OK, f"{whose}: drafts say nothing of where they come from.")
    if missing := sorted(_unknown(settings, rules.keys() - {OTHERS})):
        words = f"FARM_PROVENANCE_RULES has rules for projects that are not there: {', '.join(missing)}."
        yield Finding(PART, Level.WARN, words, "Correct the names (`farm projects list`), or take the rules out.")


def _of(whose: str, setting: str, settings: Settings) -> Iterator[Finding]:
    """Sign a picture of one pixel where a key is set, as workers have one; look at the certificate where it is not."""
    if settings.provenance != "credentials":
        yield Finding(PART, Level.OK, f"{whose} {_TOLD[settings.provenance]} ({setting}).")
        return
    now = system_clock()
    try:
        certificate = certificate_of(settings)
        assert certificate is not None, "credentials need one"
        certificate.check_time(now)
        key = settings.credentials_key_file
        if key is not None:
            Signer.open(settings, now)
            yield Finding(PART, Level.OK, f"{whose} are signed: a picture was, by {certificate.subject}.")
            if key.stat().st_mode & 0o077:
                words = f"{key}: others on this machine may read or change the key."
                yield Finding(PART, Level.WARN, words, f"chmod 600 {key}")
        else:
            words = f"{whose} are signed by {certificate.subject}: no key is set here, which only workers need."
            yield Finding(PART, Level.OK, words)
    except CannotSign as error:
        yield Finding(PART, Level.FAIL, f"{whose} cannot be signed: {error}.", "Until then workers do not start.")
        return
    days = (certificate.ends_at - now) / DAY_SECONDS
    words = f"{whose}: the certificate that signs them is good for {days:,.0f} days."
    yield Finding(PART, Level.WARN, words, "Renew it.") if days < SOON_DAYS else Finding(PART, Level.OK, words)


def _unknown(settings: Settings, names: Collection[str]) -> set[str]:
    """Those that no project of the farm has; none where that cannot be asked, which `database` tells."""
    if not names:
        return set()
    engine = make_engine(settings, connect_seconds=CONNECT_SECONDS)
    try:
        with read(engine) as connection:
            return set(names) - set(connection.scalars(select(Project.name).where(Project.name.in_(names))))
    except SQLAlchemyError:
        return set()
    finally:
        engine.dispose()
