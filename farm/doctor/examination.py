"""All checks, side by side, each within its time; no finding shows a secret."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace

from farm.doctor import certificates, dashboard, database, disk, gpu, processes, provenance, redis, storage, versions
from farm.doctor.findings import Check, Finding, Level
from farm.redaction import Redaction, known_secrets
from farm.settings import Settings

#: Every part that is looked at, in the order in which it is told.
CHECKS: dict[str, Check] = {
    "versions": versions.check,
    "disk": disk.check,
    "gpu": gpu.check,
    "database": database.check,
    "redis": redis.check,
    "storage": storage.check,
    "certificates": certificates.check,
    "provenance": provenance.check,
    "dashboard": dashboard.check,
    "processes": processes.check,
}
#: A check that takes longer has met somebody who does not answer.
CHECK_SECONDS = 45.0


def examine(settings: Settings, parts: Collection[str] = tuple(CHECKS)) -> list[Finding]:
    """What is found in these parts, in the order of CHECKS. Takes CHECK_SECONDS at the most."""
    examinations = [_Examination(name, CHECKS[name], settings) for name in CHECKS if name in parts]
    for examination in examinations:
        examination.start()
    for examination in examinations:
        examination.join(CHECK_SECONDS)
    redaction = Redaction(known_secrets(settings))
    return [
        replace(finding, what=redaction.text(finding.what), remedy=redaction.text(finding.remedy))
        for examination in examinations
        for finding in examination.findings()
    ]


class _Examination(threading.Thread):
    """One check in a thread of its own, which is left behind when it hangs."""

    def __init__(self, name: str, check: Check, settings: Settings) -> None:
        super().__init__(name=name, daemon=True)
        self._check = check
        self._settings = settings
        self._found: list[Finding] = []

    def run(self) -> None:
        try:
            for finding in self._check(self._settings):
                self._found.append(finding)
        except Exception as error:  # whatever it is, people want to know
            words = " ".join(str(error).split()) or type(error).__name__
            self._found.append(Finding(self.name, Level.FAIL, words))

    def findings(self) -> Sequence[Finding]:
        """What it has found so far."""
        if not self.is_alive():
            return self._found
        hangs = Finding(self.name, Level.FAIL, f"No end after {CHECK_SECONDS:g} s.", "See whether the server hangs.")
        return [*self._found, hangs]
