"""Progress on a terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from farm.client import Job, JobProgress, StepProgress
from farm.console import job_progress
from farm.console.durations import ago
from farm.console.job_progress import Bars, Lines, counts
from farm.console.session import clean
from tests.farm.scripted_farm import a_job, done_job


def job(**changes: object) -> Job:
    return Job.model_validate(a_job(**{"total": 4, "pending": 4, **changes}))


def step(number: int, render_id: str = "render-1") -> StepProgress:
    return StepProgress(job_id="j1", render_id=render_id, phase="stepping", step=number, steps=20)


def test_in_a_pipe_a_line_comes_when_something_ended_but_not_for_every_render(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    lines = Lines(clock=lambda: now)
    for done in range(4):
        progress = JobProgress(job(done=done, pending=4 - done))
        for _ in range(3):
            lines.show(progress)
        now += 0.9
    lines.show(JobProgress(job(status="done", done=4, pending=0)))

    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in said] == ["0 of 4 done", "3 of 4 done", "4 of 4 done"]


def test_on_a_terminal_there_are_bars_of_the_job_and_of_its_running_renders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, markup=False)
    monkeypatch.setattr(job_progress, "err", lambda: console)
    progress = JobProgress(job(running=2, pending=2, title="[bold]circles"))
    with Bars() as bars:
        bars.show(progress)
        progress.note(step(7, "render-1"))
        progress.note(step(9, "render-2"))
        bars.show(progress)
        drawn = [task.description for task in bars._progress.tasks]
        progress.renew(job(running=1, done=1, pending=2))
        bars.show(progress)
        left = [task.description for task in bars._progress.tasks]

    assert drawn == ["sana-demo: [bold]circles", "  render render-1", "  render render-2"]
    assert left == ["sana-demo: [bold]circles", "  render render-2"]
    assert "1 of 4 done" in screen.getvalue()


def test_bars_of_renders_go_when_their_job_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_progress, "err", lambda: Console(file=io.StringIO(), force_terminal=True))
    progress = JobProgress(job(running=1))
    with Bars() as bars:
        progress.note(step(7))
        bars.show(progress)
        progress.renew(Job.model_validate(done_job()))
        bars.show(progress)
        assert len(bars._progress.tasks) == 1


def test_only_as_many_renders_are_shown_as_the_farm_says_are_running() -> None:
    progress = JobProgress(job(running=3))
    for name in ("a", "b", "c"):
        progress.note(step(1, name))
    progress.note(step(2, "a"))
    progress.renew(job(running=2))

    assert [told.render_id for told in progress.running] == ["c", "a"]


def test_counts_say_all_that_is_worth_knowing() -> None:
    assert counts(job(done=2, failed=1, running=1, pending=0)) == "2 of 4 done, 1 failed, 1 running"
    assert counts(job(done=2, cancelled=2, pending=0, status="partial")) == "2 of 4 done, 2 cancelled (partial)"


def test_text_of_others_is_shown_without_what_commands_a_terminal() -> None:
    assert clean("a\x1b[2Jb\x07c\u202ed\r\nü圆 ✓") == "a\ufffd[2Jb\ufffdc\ufffdd\ufffd\nü圆 ✓"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 s"), (59, "59 s"), (125, "2 min"), (7200, "2 h"), (200000, "2 d")]
)
def test_ages_are_told_in_the_largest_unit_that_fits(seconds: float, words: str) -> None:
    created = job().created_at
    assert created is not None
    assert ago(created, created.timestamp() + seconds) == words
