"""Which way to claim: the smallest flow and then its head, or one tag per row? Figures for docs/adr/0001.

    .venv/bin/python -m tests.benchmarks.spike_claim [--rows 100000] [--claims 300] [--snapshot-claims 6000]

Both ways run on tables of their own, interleaved, on SQLite and PostgreSQL, commit included; on PostgreSQL
synchronous_commit is off, or the disk's mood would drown the difference. It prints medians in ms and ratios.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from farm.database import make_engine, write
from tests.databases import running_postgres

SLOTS, KEYS, ROUNDS = 8, 4, 5
PAYLOAD = '{"prompt": "' + "a red circle on a blue background, " * 10 + '"}'

SCHEMA = """
CREATE TABLE flows (id INTEGER PRIMARY KEY, class_name TEXT, weight DOUBLE PRECISION,
    virtual_time DOUBLE PRECISION, backlogged BOOLEAN, paused_at DOUBLE PRECISION);
CREATE TABLE classes (name TEXT PRIMARY KEY, virtual_time DOUBLE PRECISION, start DOUBLE PRECISION);
INSERT INTO classes VALUES ('normal', 0, 0);
CREATE TABLE by_flow (id BIGINT PRIMARY KEY, flow_id INTEGER, place INTEGER, batch_key TEXT, batch_limit INTEGER,
    status TEXT, attempt INTEGER, worker TEXT, lease_until DOUBLE PRECISION, estimate DOUBLE PRECISION,
    payload TEXT);
CREATE INDEX by_flow_head ON by_flow (flow_id, place, id) WHERE status = 'pending';
CREATE INDEX by_flow_fill ON by_flow (flow_id, batch_key, batch_limit, place, id) WHERE status = 'pending';
CREATE TABLE by_tag (id BIGINT PRIMARY KEY, flow_id INTEGER, tag DOUBLE PRECISION, batch_key TEXT,
    status TEXT, attempt INTEGER, worker TEXT, lease_until DOUBLE PRECISION, estimate DOUBLE PRECISION,
    payload TEXT);
CREATE INDEX by_tag_head ON by_tag (tag, id) WHERE status = 'pending';
CREATE INDEX by_tag_fill ON by_tag (batch_key, tag, id) WHERE status = 'pending';
CREATE TABLE by_flow_tries (render_id BIGINT, number INTEGER, worker TEXT, PRIMARY KEY (render_id, number));
CREATE TABLE by_tag_tries (render_id BIGINT, number INTEGER, worker TEXT, PRIMARY KEY (render_id, number));
"""
PLANNER = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), "
    "set_config('enable_sort', 'off', true), set_config('synchronous_commit', 'off', true)"
)
#: The first flows of each class in their order, with the time of the class.
CONTENDERS = " UNION ALL ".join(
    "SELECT * FROM (SELECT flows.id, class_name, weight, flows.virtual_time, classes.virtual_time AS class_time"
    " FROM flows LEFT JOIN classes ON classes.name = class_name"
    f" WHERE backlogged AND paused_at IS NULL AND class_name = '{name}'"
    f" ORDER BY flows.virtual_time, flows.id LIMIT 8) AS {name}"
    for name in ("urgent", "normal", "bulk")
)
LEASED = "status = 'running', attempt = attempt + 1, worker = 'w', lease_until = 1"
TRY = "INSERT INTO {table}_tries SELECT id, attempt, 'w' FROM {table} WHERE id IN ({ids})"


@dataclass
class Bench:
    """One database, and what a claimer of each way remembers between two claims."""

    engine: Engine
    scan_cursor: bool = True

    def __post_init__(self) -> None:
        self.postgres = self.engine.dialect.name == "postgresql"
        self.lock = "FOR UPDATE SKIP LOCKED" if self.postgres else ""
        self.places: dict[int, tuple[int, int]] = {}
        self.tag = (-1.0, -1)

    @contextmanager
    def claiming(self) -> Iterator[Connection]:
        with write(self.engine) as connection:
            if self.postgres:
                connection.execute(text(PLANNER))
            yield connection

    def claim_by_flow(self) -> list[int]:
        """The smallest flow; in it the measured statement (head and backfill in one); then the charges."""
        with self.claiming() as connection:
            flows = connection.execute(text(CONTENDERS)).all()
            flow = min(flows, key=lambda flow: (flow.virtual_time, flow.id))
            place, after = self.places.get(flow.id, (-1, -1)) if self.scan_cursor else (-1, -1)
            rows = connection.execute(
                text(
                    "WITH head AS (SELECT id, place, batch_key, batch_limit FROM by_flow"
                    " WHERE flow_id = :flow AND status = 'pending' AND (place, id) >= (:place, :after)"
                    f" ORDER BY place, id LIMIT 1 {self.lock}),"
                    " rest AS (SELECT id FROM by_flow WHERE flow_id = :flow AND status = 'pending'"
                    " AND batch_key = (SELECT batch_key FROM head)"
                    " AND batch_limit IS NULL AND (SELECT batch_limit FROM head) IS NULL"
                    " AND (place, id) > ((SELECT place FROM head), (SELECT id FROM head))"
                    f" ORDER BY batch_limit, place, id LIMIT {SLOTS - 1} {self.lock})"
                    f" UPDATE by_flow SET {LEASED}"
                    " WHERE id IN (SELECT id FROM head UNION ALL SELECT id FROM rest)"
                    " RETURNING id, place, estimate, payload"
                ),
                {"flow": flow.id, "place": place, "after": after},
            ).all()
            ids = [row.id for row in rows]
            connection.execute(text(TRY.format(table="by_flow", ids=", ".join(map(str, ids)))))
            cost = sum(row.estimate for row in rows)
            connection.execute(
                text("UPDATE flows SET virtual_time = virtual_time + :cost / weight WHERE id = :id"),
                {"cost": cost, "id": flow.id},
            )
            connection.execute(
                text("UPDATE classes SET virtual_time = virtual_time + :cost, start = :now WHERE name = :name"),
                {"cost": cost, "now": flow.class_time, "name": flow.class_name},
            )
        self.places[flow.id] = min((row.place, row.id) for row in rows)
        return ids

    def claim_by_tag(self) -> list[int]:
        """The measured statement of one tag per row: head and backfill of its key in one UPDATE."""
        tag, after = self.tag if self.scan_cursor else (-1.0, -1)
        with self.claiming() as connection:
            rows = connection.execute(
                text(
                    "WITH head AS (SELECT batch_key, tag, id FROM by_tag WHERE status = 'pending'"
                    f" AND (tag, id) >= (:tag, :after) ORDER BY tag, id LIMIT 1 {self.lock}),"
                    " rest AS (SELECT id FROM by_tag WHERE status = 'pending'"
                    " AND batch_key = (SELECT batch_key FROM head)"
                    " AND (tag, id) >= ((SELECT tag FROM head), (SELECT id FROM head))"
                    f" ORDER BY tag, id LIMIT {SLOTS} {self.lock})"
                    f" UPDATE by_tag SET {LEASED} WHERE id IN (SELECT id FROM rest)"
                    " RETURNING id, tag, estimate, payload"
                ),
                {"tag": tag, "after": after},
            ).all()
            ids = [row.id for row in rows]
            connection.execute(text(TRY.format(table="by_tag", ids=", ".join(map(str, ids)))))
        self.tag = min((row.tag, row.id) for row in rows)
        return ids

    def fill(self, rows: int, flows: int) -> None:
        """`rows` pending renders in `flows` flows, in both forms; tags as start-time queueing gives them."""
        chance = random.Random(1)
        with write(self.engine) as connection:
            for name in ("classes", "flows", "by_flow", "by_tag", "by_flow_tries", "by_tag_tries"):
                connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
            for statement in SCHEMA.split(";\n"):
                if statement.strip():
                    connection.execute(text(statement))
            connection.execute(
                text("INSERT INTO flows VALUES (:id, 'normal', 1, 0, TRUE, NULL)"),
                [{"id": id} for id in range(flows)],
            )
            renders = [
                {
                    "id": id,
                    "flow": id % flows,
                    "tag": float(id // flows),
                    "key": f"key-{chance.randrange(KEYS)}",
                    "payload": PAYLOAD,
                }
                for id in range(rows)
            ]
            for start in range(0, rows, 1000):
                for place in (
                    "by_flow VALUES (:id, :flow, 0, :key, NULL",
                    "by_tag VALUES (:id, :flow, :tag, :key",
                ):
                    statement = f"INSERT INTO {place}, 'pending', 0, NULL, NULL, 1, :payload)"
                    connection.execute(text(statement), renders[start : start + 1000])
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        self.places, self.tag = {}, (-1.0, -1)


def _times(action: Callable[[], object], count: int) -> list[float]:
    samples = []
    for _ in range(count):
        began = time.perf_counter()
        action()
        samples.append((time.perf_counter() - began) * 1000)
    return samples


def _p50_p99(samples: list[float]) -> str:
    return f"{statistics.median(samples):6.2f} / {statistics.quantiles(samples, n=100)[98]:6.2f}"


def compare_claims(bench: Bench, rows: int, flows: int, claims: int) -> None:
    bench.fill(rows, flows)
    by_flow: list[float] = []
    by_tag: list[float] = []
    for _ in range(ROUNDS):
        by_flow += _times(bench.claim_by_flow, claims // ROUNDS)
        by_tag += _times(bench.claim_by_tag, claims // ROUNDS)
    ratio = statistics.median(by_flow) / statistics.median(by_tag)
    flow, tag = _p50_p99(by_flow), _p50_p99(by_tag)
    print(f"  {flows:4} flows: claim p50/p99 by flow {flow} ms, by tag {tag} ms, p50 ratio {ratio:.2f}")


def compare_reweighting(bench: Bench, rows: int, flows: int) -> None:
    """Change the weight of one flow (pausing costs the same): one row, or each of its rows."""

    def one_row() -> None:
        with write(bench.engine) as connection:
            connection.execute(text("UPDATE flows SET weight = 2 WHERE id = 0"))

    def every_row() -> None:
        with write(bench.engine) as connection:
            connection.execute(text("UPDATE by_tag SET tag = tag / 2 WHERE flow_id = 0 AND status = 'pending'"))

    bench.fill(rows, flows)
    row, every = statistics.median(_times(one_row, 5)), statistics.median(_times(every_row, 3))
    print(f"  {flows:4} flows: re-weight: by flow {row:.2f} ms, by tag {every:.0f} ms ({rows // flows} rows)")


def claims_under_a_snapshot(bench: Bench, rows: int, claims: int) -> None:
    """What dead rows do while one transaction keeps its snapshot: p50 of the first and the last sixth."""
    for name, action in {"by flow": bench.claim_by_flow, "by tag": bench.claim_by_tag}.items():
        bench.fill(rows, 8)
        with bench.engine.connect().execution_options(isolation_level="REPEATABLE READ") as watcher:
            watcher.execute(text("SELECT 1 FROM flows"))
            samples = _times(action, claims)
        sixth = claims // 6
        first, last = statistics.median(samples[:sixth]), statistics.median(samples[-sixth:])
        ratio = last / first
        print(f"  {name}, {claims} claims under a held snapshot: {first:.2f} -> {last:.2f} ms ({ratio:.2f} x)")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--claims", type=int, default=300)
    options.add_argument("--snapshot-claims", type=int, default=6000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        server.execute("CREATE DATABASE spike")
        for url in (f"sqlite:///{Path(folder) / 'spike.sqlite3'}", server.url("spike")):
            bench = Bench(make_engine(url))
            print(f"{bench.engine.dialect.name}, {chosen.rows} pending, {SLOTS} a claim, {KEYS} batch keys")
            for flows in (1, 8, 500):
                compare_claims(bench, chosen.rows, flows, chosen.claims)
            for flows in (1, 8):
                compare_reweighting(bench, chosen.rows, flows)
            if bench.postgres:
                claims_under_a_snapshot(bench, chosen.rows, chosen.snapshot_claims)
            bench.engine.dispose()


if __name__ == "__main__":
    main()
