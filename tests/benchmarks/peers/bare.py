"""Diffusers in a loop, the measure of all: machines drift, so each workload is timed between two such loops."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.peers.pictures import Picture, equal, mixed
from tests.benchmarks.peers.systems.peer import WEIGHTS

_EQUAL, _MIXED, _SINGLE = 24, 36, 3


class Bare:
    """The other end of the process that loops."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def equal_rate(self) -> float:
        """Pictures a second, in batches of eight."""
        return _EQUAL / float(self._ask(equal(_EQUAL))["seconds"])

    def mixed_rate(self) -> float:
        """Each kind of the mixed workload once, one by one, as they would come."""
        return _MIXED / float(self._ask(mixed(_MIXED), one_by_one=True)["seconds"])

    def call_seconds(self) -> float:
        """One call for one picture, and its PNG."""
        return float(self._ask(equal(_SINGLE), one_by_one=True)["seconds"]) / _SINGLE

    def files(self, pictures: Sequence[Picture]) -> dict[str, bytes]:
        """The PNG of each, rendered alone."""
        answer = self._ask(pictures, one_by_one=True, files=True)
        return {name: bytes.fromhex(file) for name, file in answer["files"].items()}

    def _ask(self, pictures: Sequence[Picture], *, one_by_one: bool = False, files: bool = False) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = {"render": list(pictures), "one_by_one": one_by_one, "files": files}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def bare_diffusers() -> Iterator[Bare]:
    """Started, with its model loaded."""
    command = [sys.executable, "-m", "tests.benchmarks.peers.apps.bare", str(WEIGHTS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        bare = Bare(process)
        bare.equal_rate()
        yield bare
    finally:
        process.kill()
        process.wait()
