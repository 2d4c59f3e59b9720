"""What a database does for one action, as a number that does not depend on how fast the machine is."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, event


def effort(engine: Engine, action: Callable[[], object]) -> int:
    """SQLite: instructions of its virtual machine. PostgreSQL: buffers and rows that its plans touched."""
    return _instructions(engine, action) if engine.dialect.name == "sqlite" else _touched(engine, action)


def _instructions(engine: Engine, action: Callable[[], object]) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(count, 1)

    def leave(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(None, 1)

    event.listen(engine, "checkout", watch)
    event.listen(engine, "checkin", leave)
    try:
        action()
    finally:
        event.remove(engine, "checkout", watch)
        event.remove(engine, "checkin", leave)
    return steps


def _touched(engine: Engine, action: Callable[[], object]) -> int:
    """Every statement is explained first, with the same values, and what that did is rolled back."""
    touched = 0

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, _: Any, many: bool) -> None:
        nonlocal touched
        if not statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            return
        with connection.connection.dbapi_connection.cursor() as asked:
            for values in parameters if many else [parameters]:
                asked.execute("SAVEPOINT explained")
                asked.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
                found = asked.fetchone()[0]
                asked.execute("ROLLBACK TO SAVEPOINT explained")
                asked.execute("RELEASE SAVEPOINT explained")
                plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
                touched += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] + _rows([plan])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        action()
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    return touched


def _rows(plans: Sequence[Any]) -> int:
    """Rows that the nodes of a plan gave or threw away."""
    return sum(
        int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
        + _rows(plan.get("Plans", []))
        for plan in plans
    )
