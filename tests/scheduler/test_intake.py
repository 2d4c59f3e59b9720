"""Streams: what is accepted is neither lost nor doubled, wherever the stream breaks off, and it can be gone on with."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, IdempotencyMismatch, InvalidRequest, QuotaExceeded, StreamFault
from farm.settings import Settings
from farm.tables import Event, Intake, Job, Project, Render
from scheduler.intake import Position, Taken, open_intake, read_position, take_in
from tests.scheduler.burning import burning_at

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DEFAULTS = {"model": "sana-demo", "class": "bulk"}


def jsonl(rows: int, **fields: Any) -> bytes:
    return b"".join(json.dumps({"prompt": f"plate {row}", **fields}).encode() + b"\n" for row in range(rows))


def pieces(data: bytes, size: int = 1_000) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def begin(connections: Connections, project: str, key: str = "k", form: str = "jsonl", **defaults: Any) -> Position:
    return open_intake(connections, project_id=project, user_id=None, defaults=DEFAULTS | defaults, form=form, key=key)[
        0
    ]


def send(connections: Connections, project: str, data: bytes, form: str = "jsonl", **options: Any) -> Taken:
    """The whole request as the API makes it of one body."""
    position = begin(connections, project, form=form, **options.pop("defaults", {}))
    return take_in(connections, position, pieces(data), **options)


def renders(connections: Connections) -> Sequence[Any]:
    with read(connections.engine) as connection:
        return connection.execute(select(Render.__table__).order_by(Render.index)).mappings().all()


def prompts(connections: Connections) -> list[str]:
    return [render["parameters"]["prompt"] for render in renders(connections)]


def job(connections: Connections) -> Any:
    with read(connections.engine) as connection:
        return connection.execute(select(Job.__table__)).one()


class TestWhole:
    def test_every_row_is_a_render_in_its_order(self, connections: Connections, project: str) -> None:
        taken = send(connections, project, jsonl(2_100))

        assert prompts(connections) == [f"plate {row}" for row in range(2_100)]
        assert [render["index"] for render in renders(connections)] == list(range(2_100))
        found = job(connections)
        assert (found.status, found.renders_total, found.title) == ("open", 2_100, "plate 0")
        assert found.estimate == pytest.approx(sum(render["estimate"] for render in renders(connections)))
        assert taken.position.sealed_at is not None
        with read(connections.engine) as connection:
            kinds = connection.scalars(select(Event.kind).order_by(Event.version)).all()
        assert kinds == ["submitted", "admitted", "admitted", "admitted", "sealed"]

    def test_a_row_says_what_differs_from_the_others(self, connections: Connections, project: str) -> None:
        rows = b'{"prompt": "a", "seed": 7}\n\n{"prompt": ["b", "c"], "seeds": [1, 2], "num_inference_steps": 3}'
        send(connections, project, rows, defaults={"num_inference_steps": 2})

        found = [render["parameters"] for render in renders(connections)]
        assert [(one["prompt"], one["seed"], one["num_inference_steps"]) for one in found] == [
            ("a", 7, 2), ("b", 1, 3), ("b", 2, 3), ("c", 1, 3), ("c", 2, 3),
        ]  # fmt: skip

    def test_a_table_has_a_column_for_each_parameter(self, connections: Connections, project: str) -> None:
        table = b'\xef\xbb\xbfprompt,seed,guidance_scale,deterministic\r\n"a, ""b""\nc",1,,TRUE\r\n7,2,3.5,\r\n'
        send(connections, project, table, form="csv")

        found = [render["parameters"] for render in renders(connections)]
        assert [(one["prompt"], one["seed"], one["deterministic"]) for one in found] == [
            ('a, "b"\nc', 1, True),
            ("7", 2, False),
        ]
        assert found[1]["guidance_scale"] == 3.5

    def test_columns_fill_the_gaps_of_the_prompt(self, connections: Connections, project: str) -> None:
        table = b"colour,animal\nred,cat\nblue,owl\n"
        send(connections, project, table, form="csv", defaults={"prompt": "a {colour} {animal}"})

        assert prompts(connections) == ["a red cat", "a blue owl"]

    def test_chunks_may_be_claimed_before_the_end(self, connections: Connections, project: str) -> None:
        send(connections, project, jsonl(1_000), more=True)

        assert job(connections).status == "admitting"
        assert {render["status"] for render in renders(connections)} == {"pending"}

    def test_a_job_whose_renders_have_all_ended_ends_with_its_seal(
        self, connections: Connections, project: str
    ) -> None:
        position = send(connections, project, jsonl(3), more=True).position
        with write(connections.engine) as connection:
            connection.execute(update(Render).values(status="done"))
            connection.execute(update(Job).values(renders_done=3))

        take_in(connections, position, [], offset=position.bytes)

        assert (job(connections).status, job(connections).finished_at is None) == ("done", False)


class TestGoneOnWith:
    @pytest.mark.parametrize("chunk", [1, 2, 3])
    def test_a_crash_in_a_chunk_keeps_those_before_and_nothing_of_it(
        self, connections: Connections, project: str, chunk: int
    ) -> None:
        data = jsonl(2_100)
        with burning_at(chunk), pytest.raises(OSError, match="burning"):
            send(connections, project, data)
        assert len(prompts(connections)) == (chunk - 1) * 1_000
        assert job(connections).renders_total == (chunk - 1) * 1_000

        send(connections, project, data)

        assert prompts(connections) == [f"plate {row}" for row in range(2_100)]
        assert job(connections).renders_total == 2_100

    def test_a_client_that_hangs_up_goes_on_where_it_was(self, connections: Connections, project: str) -> None:
        data = jsonl(1_700)

        def torn() -> Iterator[bytes]:
            yield data[: len(data) // 2 + 7]
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            take_in(connections, begin(connections, project), torn())
        position = begin(connections, project)
        assert position.sealed_at is None
        take_in(connections, position, pieces(data[position.bytes :]), offset=position.bytes, crc32=position.crc32)

        assert prompts(connections) == [f"plate {row}" for row in range(1_700)]

    def test_seeds_that_were_drawn_are_the_same_again(self, connections: Connections, project: str) -> None:
        data = jsonl(1_500)
        with burning_at(2), pytest.raises(OSError, match="burning"):
            send(connections, project, data)
        position = begin(connections, project)
        once = take_in(connections, position, pieces(data), more=True).position
        drawn = [render["parameters"]["seed"] for render in renders(connections)]

        assert once.rows == 1_500
        assert len(set(drawn)) == 1_500
        from scheduler.intake.seeds import seeds_for

        assert drawn == [seeds_for(once.job_id, index)() for index in range(1_500)]

    def test_any_parts_make_the_same_job(self, connections: Connections, project: str) -> None:
        data = jsonl(300)
        position = begin(connections, project)
        while position.bytes + 997 < len(data):
            part = data[position.bytes : position.bytes + 997]
            position = take_in(connections, position, [part], offset=position.bytes, more=True).position
        take_in(connections, position, [data[position.bytes :]], offset=position.bytes)

        assert prompts(connections) == [f"plate {row}" for row in range(300)]

    def test_a_part_that_comes_twice_counts_once(self, connections: Connections, project: str) -> None:
        data = jsonl(20)
        first = take_in(connections, begin(connections, project), [data[:300]], more=True).position
        again = take_in(connections, begin(connections, project), [data[:300]], more=True).position

        assert (again.rows, again.bytes) == (first.rows, first.bytes)

    def test_a_finished_stream_again_is_answered_with_its_job(self, connections: Connections, project: str) -> None:
        first = send(connections, project, jsonl(10)).position
        again = send(connections, project, jsonl(10)).position

        assert again == first
        assert len(prompts(connections)) == 10

    def test_two_clients_with_one_key_make_one_job(self, connections: Connections, project: str) -> None:
        data = jsonl(2_200)

        def client(_: int) -> None:
            while True:
                try:
                    send(connections, project, data)
                    return
                except Conflict:
                    continue

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(client, range(2)))

        assert prompts(connections) == [f"plate {row}" for row in range(2_200)]
        assert job(connections).renders_total == 2_200

    def test_a_process_that_is_killed_loses_nothing_that_was_committed(
        self, connections: Connections, settings: Settings, project: str, tmp_path: Path
    ) -> None:
        source = tmp_path / "renders.jsonl"
        source.write_bytes(jsonl(2_100))
        script = tmp_path / "send.py"
        script.write_text(KILLED)
        variables = os.environ | settings.to_variables() | {"PROJECT": project, "SOURCE": str(source)}

        killed = subprocess.run([sys.executable, script], env=variables, check=False, capture_output=True)

        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert len(prompts(connections)) == 1_000
        send(connections, project, source.read_bytes())
        assert prompts(connections) == [f"plate {row}" for row in range(2_100)]


KILLED = """
import os, signal
from pathlib import Path
from sqlalchemy import event
from farm.connections import Connections
from scheduler.intake import open_intake, take_in

connections = Connections.open()
position, _ = open_intake(connections, project_id=os.environ["PROJECT"], user_id=None, form="jsonl", key="k",
                          defaults={"model": "sana-demo", "class": "bulk"})
chunks = []

def die(connection):
    if connection.get_execution_options().get("farm_writes"):
        chunks.append(1)
        if len(chunks) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

event.listen(connections.engine, "commit", die)
take_in(connections, position, [Path(os.environ["SOURCE"]).read_bytes()])
"""


class TestRefused:
    def test_a_fault_keeps_the_rows_before_it_and_says_where_to_go_on(
        self, connections: Connections, project: str
    ) -> None:
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
    def test_another_file_under_the_same_key_is_refused(self, connections: Connections, project: str) -> None:
        send(connections, project, jsonl(5), more=True)

        with pytest.raises(IdempotencyMismatch):
            send(connections, project, jsonl(5, seed=1))
        assert len(prompts(connections)) == 5

    @SQLITE
    @pytest.mark.parametrize("other", [{"model": "wan-demo"}, {"num_inference_steps": 3}])
    def test_other_defaults_under_the_same_key_are_refused(
        self, connections: Connections, project: str, other: dict[str, Any]
    ) -> None:
        send(connections, project, jsonl(5), more=True)

        with pytest.raises(IdempotencyMismatch):
            begin(connections, project, **other)

    @SQLITE
    def test_a_gap_is_refused(self, connections: Connections, project: str) -> None:
        with pytest.raises(Conflict):
            take_in(connections, begin(connections, project), [jsonl(1)], offset=10)

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
        self, connections: Connections, project: str, form: str, data: bytes, line: int
    ) -> None:
        with pytest.raises(InvalidRequest) as refused:
            send(connections, project, data, form=form)

        assert {fault.field.split("/")[2] for fault in refused.value.faults} == {str(line)}

    @SQLITE
    def test_a_stream_stops_at_a_quota_and_goes_on_when_it_frees(self, connections: Connections, project: str) -> None:
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
    def test_nothing_is_added_to_a_job_that_was_cancelled(self, connections: Connections, project: str) -> None:
        position = send(connections, project, jsonl(5), more=True).position
        with write(connections.engine) as connection:
            connection.execute(update(Job).values(status="cancelled"))

        with pytest.raises(Conflict):
            take_in(connections, position, [jsonl(6)[position.bytes :]], offset=position.bytes)
        assert len(prompts(connections)) == 5

    @SQLITE
    def test_a_stream_needs_a_key(self, connections: Connections, project: str) -> None:
        with pytest.raises(InvalidRequest):
            open_intake(connections, project_id=project, user_id=None, defaults=DEFAULTS, form="jsonl", key=None)


def test_the_position_of_a_stream_can_be_read(connections: Connections, project: str) -> None:
    data = jsonl(7)
    position = send(connections, project, data, more=True).position

    with read(connections.engine) as connection:
        found = read_position(connection, position.job_id)
        assert connection.scalar(select(func.count()).select_from(Intake)) == 1
    assert found == position
    assert (position.rows, position.renders, position.bytes) == (7, 7, len(data))
