"""By how much two clocks differ, and what that means."""

from farm.doctor.findings import Finding, Level

#: What a time service leaves is far below; people do not notice less either.
NOTABLE_SECONDS = 2.0
#: S3 refuses requests that are signed by a clock that is off by more (RequestTimeTooSkewed).
REFUSED_SECONDS = 900.0


def clock_finding(part: str, ahead: float, whose: str) -> Finding:
    """This machine's clock is `ahead` seconds ahead of that of `whose`; negative is behind."""
    if abs(ahead) <= NOTABLE_SECONDS:
        return Finding(part, Level.OK, f"The clock agrees with that of {whose}.")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        part,
        Level.FAIL if abs(ahead) > REFUSED_SECONDS else Level.WARN,
        f"The clock of this machine is {abs(ahead):,.1f} s {way} that of {whose}.",
        "Set both by a time service (chrony, systemd-timesyncd); S3 refuses more than 15 minutes.",
    )
