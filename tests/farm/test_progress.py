"""Progress and notices of changes: quick, and missed by nobody when Redis is away."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.local.processes import Processes
from farm.local.valkey import valkey
from farm.progress import LIFE_SECONDS, JobChanged, ProgressBoard, StepProgress
from farm.redis_connection import connect
from tests.waiting import eventually


def step(render_id: str, number: int, job_id: str = "job-1") -> StepProgress:
    return StepProgress(
        job_id=job_id, project_id="project-1", render_id=render_id, phase="stepping", step=number, steps=20
    )


@pytest.fixture
def board(valkey_url: str) -> Iterator[ProgressBoard]:
    board = ProgressBoard(valkey_url)
    yield board
    board.close()


class Listener:
    """Hears what a board tells, in a thread, until it is left."""

    def __init__(self, board: ProgressBoard) -> None:
        self.heard: list[StepProgress | JobChanged] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(board,))

    def _listen(self, board: ProgressBoard) -> None:
        for message in board.listen(self._stop):
            self.heard.append(message)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a listener ends when it is told to"


def test_a_page_sees_where_each_render_of_its_job_is_now(board: ProgressBoard) -> None:
    board.report([step("a", 1), step("b", 1), step("c", 7, job_id="job-2")])
    board.report([step("a", 2)])
    board.flush()

    assert board.snapshot("job-1") == {"a": step("a", 2), "b": step("b", 1)}
    board.clear("job-1", ["a"])
    board.flush()
    assert board.snapshot("job-1") == {"b": step("b", 1)}
    assert board.snapshot("unknown") == {}


def test_progress_that_nobody_clears_goes_away_by_itself(board: ProgressBoard, valkey_url: str) -> None:
    board.report([step("a", 1)])
    board.flush()

    client = connect(valkey_url)
    assert 0 < int(client.ttl("farm:progress:job-1")) <= LIFE_SECONDS
    client.close()


def test_who_listens_hears_steps_and_changed_jobs_in_order(board: ProgressBoard) -> None:
    changed = JobChanged(job_id="job-1", project_id="project-1", version=3)
    with Listener(board) as listener:
        # Whoever subscribes a moment late has missed the first notices: send them until one is heard.
        eventually(lambda: board.announce(changed) or listener.heard)
        listener.heard.clear()

        def told_again() -> None:
            """What a Redis that was slow to answer has cost is told once more."""
            board.report([step("a", 1), step("b", 2)])
            board.announce(changed)
            board.flush()

        eventually(lambda: told_again() or (step("a", 1) in listener.heard and listener.heard[-1] == changed))
        # Each round ends with it; one that came late may be on its way yet.
        eventually(lambda: listener.heard[-1] == changed)
        told = [message for message in listener.heard if message != changed]

    assert list(dict.fromkeys(told)) == [step("a", 1), step("b", 2)]


def test_a_listener_hears_again_after_redis_was_killed_and_came_back(server_folder: Path) -> None:
    processes = Processes(server_folder / "logs", print)
    runtime = server_folder / "killed"
    runtime.mkdir(mode=0o700)
    server = valkey(runtime, runtime, password="x")
    processes.start(server.program)
    processes.wait_ready(["valkey"])
    board = ProgressBoard(server.url)
    changed = JobChanged(job_id="job-1", project_id="project-1", version=1)
    try:
        with Listener(board) as listener:
            eventually(lambda: board.announce(changed) or listener.heard)
            processes.restart("valkey")
            listener.heard.clear()
            eventually(lambda: board.announce(changed) or listener.heard)
    finally:
        board.close()
        processes.stop()


def test_a_busy_worker_sees_that_its_lane_changed(board: ProgressBoard, valkey_url: str) -> None:
    seen = [board.lane_counter("sana@bf16")]
    for _ in range(3):
        board.announce(lanes=["sana@bf16"])
        board.flush()
        seen.append(board.lane_counter("sana@bf16"))
    # After a wipe, too: it must not come to a number that was seen before.
    client = connect(valkey_url)
    client.flushall()
    client.close()
    board.announce(lanes=["sana@bf16"])
    board.flush()
    seen.append(board.lane_counter("sana@bf16"))

    assert None not in seen
    assert len(set(seen)) == len(seen)
    assert board.lane_counter("wan@bf16") == 0


@pytest.mark.parametrize("url", ["unix:///nobody/here.sock", "redis://127.0.0.1:1/0", None])
def test_without_redis_a_board_shows_nothing_and_raises_nothing(url: str | None) -> None:
    board = ProgressBoard(url)

    board.report([step("a", 1)])
    board.announce(JobChanged(job_id="job-1", project_id="project-1", version=1))
    board.clear("job-1", ["a"])
    board.announce(lanes=["sana@bf16"])
    assert board.snapshot("job-1") == {}
    assert board.lane_counter("sana@bf16") is None
    with Listener(board) as listener:
        pass
    assert listener.heard == []


def test_what_strangers_write_into_redis_is_passed_over(board: ProgressBoard, valkey_url: str) -> None:
    board.report([step("a", 1)])
    board.flush()
    client = connect(valkey_url)
    client.hset("farm:progress:job-1", "b", "no progress at all")
    with Listener(board) as listener:
        eventually(lambda: client.publish("farm:live", "no message at all"))
        changed = JobChanged(job_id="job-1", project_id="project-1", version=1)
        eventually(lambda: board.announce(changed) or listener.heard)
    client.close()

    assert board.snapshot("job-1") == {"a": step("a", 1)}
    assert set(listener.heard) == {changed}
