"""Duty: transactions that their clients left open on PostgreSQL are ended; what they locked can be claimed again.

A worker whose machine or network is gone says nothing: the server keeps its transaction, and every claim passes over
the renders that it has locked, until TCP gives up after two hours. `idle_in_transaction_session_timeout` would end it
sooner, but it is off unless an operator sets it, and it never ends one whose last statement had several rows: psycopg
(3.3.9) sends them as a pipeline and a Flush behind its Sync, and that stops the timer of PostgreSQL (18.6) for good.
"""

from sqlalchemy import text

from farm.connections import Connections
from farm.database import write

EVERY_SECONDS = 15.0
#: Left open for so long, in seconds. Everything that the farm does between two statements takes milliseconds.
SILENT_SECONDS = 60.0

# Of this farm alone, by its own name for its sessions; what only reads locks nothing, and may be a backup. A role may
# end its own sessions without further rights.
_END = text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
    AND application_name = current_setting('application_name')
    AND state IN ('idle in transaction', 'idle in transaction (aborted)') AND backend_xid IS NOT NULL
    AND state_change < clock_timestamp() - make_interval(secs => :silent)
""")


def one_pass(connections: Connections, _now: float, silent_seconds: float = SILENT_SECONDS) -> int:
    """End them; returns how many. By the server's clock. On SQLite there are none: a lock ends with its process."""
    if connections.engine.dialect.name != "postgresql":
        return 0
    with write(connections.engine) as connection:
        ended: int = connection.execute(_END, {"silent": silent_seconds}).scalar_one()
    return ended
