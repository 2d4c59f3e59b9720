"""Streams that are refused: what came before the fault is kept, and the answer says where to go on."""

from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import func, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, IdempotencyMismatch, InvalidRequest
from farm.quota_errors import QuotaExceeded
from farm.stream_errors import StreamEnded, StreamFault
from farm.tables import Job, Project
from scheduler.control import end_jobs
from scheduler.control.cancel import cancel_filtered
from scheduler.control.filters import Found, RenderFilter
from scheduler.intake.open_stream import open_intake
from scheduler.intake.read_stream import take_in
from scheduler.intake.seal_stream import seal
from scheduler.maintenance import end_marked_jobs, read_streams
from tests.scheduler.jobs import claim_some
from tests.scheduler.streams import DEFAULTS, begin, job, jsonl, prompts, renders, send

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_a_fault_keeps_the_rows_before_it_and_says_where_to_go_on(connections: Connections, project: str) -> None:
    rows = jsonl(1_200).splitlines(keepends=True)
    wrong = [b'{"prompt": "x", "width": "wide"}\n', b'{"promt": "x"}\n', b"no json\n"]
    with pytest.raises(StreamFault) as refused:
        send(connections, project, b"".join(rows[:1_100] + wrong + rows[1_100:]))

    assert {fault.field.split("/")[2] for fault in refused.value.faults} == {"1101", "1102", "1103"}
    assert refused.value.members["next_line"] == 1_101
    assert refused.value.members["next_byte"] == len(b"".join(rows[:1_100]))
    assert len(prompts(connections)) == 1_100
    assert job(connections).status == "admitting"

    send(connections, project, b"".join(rows))

    assert prompts(connections) == [f"plate {row}" for row in range(1_200)]


@SQLITE
def test_another_file_under_the_same_key_is_refused(connections: Connections, project: str) -> None:
    send(connections, project, jsonl(5), more=True)

    with pytest.raises(IdempotencyMismatch):
        send(connections, project, jsonl(5, seed=1))
    assert len(prompts(connections)) == 5


@SQLITE
@pytest.mark.parametrize("other", [{"model": "wan-demo"}, {"num_inference_steps": 3}])
def test_other_defaults_under_the_same_key_are_refused(
    connections: Connections, project: str, other: dict[str, Any]
) -> None:
    send(connections, project, jsonl(5), more=True)

    with pytest.raises(IdempotencyMismatch):
        begin(connections, project, **other)


@SQLITE
@pytest.mark.parametrize("place", [{"offset": 10}, {"crc32": 7}])
def test_a_stream_that_begins_elsewhere_is_refused_and_leaves_no_job_behind_but_what_is_in_stays(
    connections: Connections, project: str, place: dict[str, int]
) -> None:
    with pytest.raises((Conflict, IdempotencyMismatch)):
        take_in(connections, begin(connections, project), [jsonl(1)], **place, new=True)
    with read(connections.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Job)) == 0

    # The first part of what is sent side by side may be on its way, with nothing admitted yet.
    on_its_way = begin(connections, project)
    with pytest.raises((Conflict, IdempotencyMismatch)):
        take_in(connections, begin(connections, project), [jsonl(1)], **place)
    position = take_in(connections, on_its_way, [jsonl(2)], more=True).position
    beyond = position.bytes + place.get("offset", 0)
    with pytest.raises((Conflict, IdempotencyMismatch)):
        take_in(connections, position, [jsonl(1)], offset=beyond, crc32=place.get("crc32"))
    assert len(prompts(connections)) == 2


@SQLITE
@pytest.mark.parametrize(
    ("form", "data", "line"),
    [
        ("jsonl", b"", 1),
        ("jsonl", b"[1]\n", 1),
        ("jsonl", b'{"prompt": "a", "model": "wan-demo"}\n', 1),
        ("jsonl", b'{"prompt": "\xff"}\n', 1),
        ("jsonl", b'{"prompt": "a", "seed": NaN}\n', 1),
        ("csv", b"", 1),
        ("csv", b"prompt,prompt\na,b\n", 1),
        ("csv", b"promt\na\n", 1),
        ("csv", b"prompt,class\na,bulk\n", 1),
        ("csv", b"prompt,seed\na,1\nb\n", 3),
        ("csv", b'prompt\n"a\nb\n', 2),
        ("csv", b"prompt,seed\na,one\n", 2),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    connections: Connections, project: str, form: str, data: bytes, line: int
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        send(connections, project, data, form=form)

    assert {fault.field.split("/")[2] for fault in refused.value.faults} == {str(line)}


@SQLITE
def test_a_stream_stops_at_a_quota_and_goes_on_when_it_frees(connections: Connections, project: str) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Project).values(max_pending=1_500))
    with pytest.raises(QuotaExceeded):
        send(connections, project, jsonl(2_000))
    assert len(prompts(connections)) == 1_000

    with write(connections.engine) as connection:
        connection.execute(update(Project).values(max_pending=None))
    send(connections, project, jsonl(2_000))

    assert len(prompts(connections)) == 2_000


@SQLITE
@pytest.mark.parametrize("all_at_once", [True, False])
def test_nothing_is_added_to_a_job_that_was_cancelled_whoever_sends_it_and_however_large_it_is(
    connections: Connections, project: str, monkeypatch: pytest.MonkeyPatch, all_at_once: bool
) -> None:
    monkeypatch.setattr(end_jobs, "ANSWER_SECONDS", 60.0 if all_at_once else -1.0)
    position = send(connections, project, jsonl(5), more=True).position
    chosen = RenderFilter(project_id=project, model="sana-demo")
    assert cancel_filtered(connections, chosen) == Found(jobs=1, renders=5, ending=0 if all_at_once else 1)

    # The request that was on its way, a new one of the whole file, one of the rest and a mere end all hear the same.
    for body, offset in ((jsonl(6)[position.bytes :], position.bytes), (jsonl(6), 0)):
        with pytest.raises(StreamEnded, match="reason 'cancelled'"):
            take_in(connections, position, [body], offset=offset)
    with pytest.raises(StreamEnded, match="reason 'cancelled'"):
        send(connections, project, jsonl(6))
    with pytest.raises(StreamEnded, match="reason 'cancelled'"):
        send(connections, project, jsonl(5))
    with pytest.raises(StreamEnded):
        seal(connections, position)
    with pytest.raises(IdempotencyMismatch):
        send(connections, project, jsonl(6, seed=1))
    assert len(prompts(connections)) == 5


def test_a_silent_stream_expires_with_all_its_renders_also_if_the_supervisor_dies_between(
    connections: Connections, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = send(connections, project, jsonl(5), more=True).position
    later = connections.clock() + connections.settings.intake_hours * 3600 + 1
    with monkeypatch.context() as dying:
        dying.setattr(end_jobs, "end_renders_until", Mock(side_effect=ConnectionError))
        with pytest.raises(ConnectionError):
            read_streams.one_pass(connections, later)

    # Whoever comes next claims nothing of it and ends it.
    assert claim_some(connections, 5) == []
    read_streams.one_pass(connections, later)
    end_marked_jobs.one_pass(connections, later)
    assert (job(connections).status, job(connections).ending) == ("expired", None)
    assert {render["status"] for render in renders(connections)} == {"expired"}
    with pytest.raises(StreamEnded, match="nothing more came"):
        take_in(connections, position, [], offset=position.bytes)


@SQLITE
def test_a_stream_needs_a_key(connections: Connections, project: str) -> None:
    with pytest.raises(InvalidRequest):
        open_intake(connections, project_id=project, user_id=None, defaults=DEFAULTS, form="jsonl", key=None)
