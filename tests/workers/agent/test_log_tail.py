"""What an engine wrote last is kept for those who ask why a render failed, without secrets."""

import sys
from collections.abc import Sequence

from farm.redaction import Redaction
from tests.waiting import eventually
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.telemetry.log_tail import KEPT_LINES, LogTail


def dead_engine(words: str, messages: list[bytes]) -> tuple[LogTail, list[str | None]]:
    """An engine that writes `words` to stderr and dies; its tail, and what was in it when its death was told."""
    tail = LogTail(Redaction(["hunter-two"]).text, messages.append)
    told: list[str | None] = []
    command: Sequence[str] = [sys.executable, "-c", f"import sys; sys.stderr.write({words!r}); sys.exit(3)"]
    link = EngineSupervisor(
        command, hang_seconds=60, on_message=print, on_death=lambda reason: told.append(tail.lines()), log=tail
    )
    link.start()
    eventually(lambda: told)
    link.stop()
    return tail, told


def test_the_last_lines_are_there_when_the_death_is_told_and_go_on_to_the_log_of_the_worker() -> None:
    messages: list[bytes] = []
    _, told = dead_engine("one\ntwo: no newline at the end", messages)

    assert told[0] == "one\ntwo: no newline at the end"
    assert messages[:2] == [b"one\n", b"two: no newline at the end\n"]


def test_secrets_and_all_but_the_last_lines_are_gone() -> None:
    words = "".join(f"line {number}\n" for number in range(200)) + "password=x1 and hunter-two\n"
    _, told = dead_engine(words, [])

    lines = (told[0] or "").splitlines()
    assert len(lines) == KEPT_LINES
    assert lines[-1] == "password=*** and ***"


def test_an_engine_that_never_was_ready_is_counted() -> None:
    told: list[str] = []
    link = EngineSupervisor(
        [sys.executable, "-c", "raise SystemExit(1)"], hang_seconds=60, on_message=print, on_death=told.append
    )
    link.start()
    eventually(lambda: len(told) >= 2)
    link.stop()

    assert link.failed_starts >= 2
