"""The status of a peer's pictures, in SQLite: what is asked for, begun, stored. The farm has its own."""

import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks.peers.pictures import Picture

_TABLE = """CREATE TABLE IF NOT EXISTS pictures
(id TEXT PRIMARY KEY, user TEXT, asked REAL, finished REAL, begun INTEGER DEFAULT 0, stored INTEGER DEFAULT 0)"""


class Books:
    """One file, used by the harness and by the peer's processes."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(_TABLE)

    def asked(self, pictures: Sequence[Picture], user: str) -> None:
        """All in one transaction, which is kinder to a peer than any API of it could be."""
        now = time.time()
        self._write(
            "INSERT INTO pictures (id, user, asked) VALUES (?, ?, ?)", [(it["id"], user, now) for it in pictures]
        )

    def begin(self, pictures: Sequence[Picture]) -> None:
        """They are being rendered."""
        self._write("UPDATE pictures SET begun = begun + 1 WHERE id = ?", [(it["id"],) for it in pictures])

    def settle(self, pictures: Sequence[Picture]) -> None:
        """They are stored."""
        now = time.time()
        statement = "UPDATE pictures SET finished = ?, stored = stored + 1 WHERE id = ?"
        self._write(statement, [(now, it["id"]) for it in pictures])

    def finished(self, ids: Iterable[str]) -> dict[str, float]:
        """When each of these that is stored was so, seconds since 1970."""
        found = dict(self._database.execute("SELECT id, finished FROM pictures WHERE finished IS NOT NULL"))
        return {name: found[name] for name in ids if name in found}

    def doubled(self, ids: Iterable[str]) -> int:
        """How many of these were stored twice."""
        found = {name for (name,) in self._database.execute("SELECT id FROM pictures WHERE stored > 1")}
        return len(found.intersection(ids))

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
