"""By how much clocks differ, and what that means."""

from farm.clock_skew import REFUSED_SECONDS
from farm.clock_words import NOTABLE_SECONDS
from farm.doctor.findings import Finding, Level


def clock_finding(part: str, ahead: float, whose: str, clock: str = "The clock of this machine") -> Finding:
    """`clock` is `ahead` seconds ahead of that of `whose`; negative is behind."""
    if abs(ahead) <= NOTABLE_SECONDS:
        return Finding(part, Level.OK, f"{clock} agrees with that of {whose}.")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        part,
        Level.FAIL if abs(ahead) > REFUSED_SECONDS else Level.WARN,
        f"{clock} is {abs(ahead):,.1f} s {way} that of {whose}.",
        "Set both by a time service (chrony, systemd-timesyncd): certificates and S3 servers mind.",
    )
