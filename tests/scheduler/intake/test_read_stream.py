"""Streams: what is accepted is neither lost nor doubled, wherever the stream breaks off, and it can be gone on with."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.settings import Settings
from farm.tables import Event, Intake, Job, Render
from scheduler.intake.open_stream import read_position
from scheduler.intake.read_stream import take_in
from tests.scheduler.burning import burning_at
from tests.scheduler.streams import begin, job, jsonl, pieces, prompts, renders, send

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


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
        assert 0 < len(prompts(connections)) <= 1_000  # a slow machine commits before the thousand is full
        send(connections, project, source.read_bytes())
        assert prompts(connections) == [f"plate {row}" for row in range(2_100)]


KILLED = """
import os, signal
from pathlib import Path
from sqlalchemy import event
from farm.connections import Connections
from scheduler.intake.open_stream import open_intake
from scheduler.intake.read_stream import take_in

connections = Connections.open()
position, _ = open_intake(connections, project_id=os.environ["PROJECT"], user_id=None, form="jsonl", key="k",
                          defaults={"model": "sana-demo", "class": "bulk"})
writes, chunks = [], []

def note(connection, cursor, statement, *_):
    if statement.startswith(("INSERT", "UPDATE")):
        writes.append(statement)

def die(connection):
    if writes:
        writes.clear()
        chunks.append(1)
        if len(chunks) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

event.listen(connections.engine, "before_cursor_execute", note)
event.listen(connections.engine, "commit", die)
take_in(connections, position, [Path(os.environ["SOURCE"]).read_bytes()])
"""


def test_the_position_of_a_stream_can_be_read(connections: Connections, project: str) -> None:
    data = jsonl(7)
    position = send(connections, project, data, more=True).position

    with read(connections.engine) as connection:
        found = read_position(connection, position.job_id)
        assert connection.scalar(select(func.count()).select_from(Intake)) == 1
    assert found == position
    assert (position.rows, position.renders, position.bytes) == (7, 7, len(data))
