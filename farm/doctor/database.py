"""The job database: reachable, writable, of the right schema, by the right clock."""

import time
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from farm.clock import system_clock
from farm.database import make_engine, read, trouble
from farm.doctor.addresses import is_here, place_of
from farm.doctor.clocks import clock_finding
from farm.doctor.findings import Finding, Level
from farm.farm_clock import FarmClock
from farm.schema.revisions import WrongRevision, check_revision, current_revision
from farm.settings import Settings

PART = "database"
CONNECT_SECONDS = 5


def check(settings: Settings) -> Iterator[Finding]:
    """Contact the database over a connection of our own."""
    engine = make_engine(settings, connect_seconds=CONNECT_SECONDS)
    place = place_of(settings.database_url.get_secret_value())
    try:
        began = time.monotonic()
        try:
            with read(engine) as connection:
                yield _server(connection, place, began)
                if engine.dialect.name == "postgresql":
                    yield from _postgres(connection, settings)
        except Exception as error:  # of any driver: a wrong password, an unknown name, a file that is none
            words = " ".join(str(getattr(error, "orig", error)).split())
            yield Finding(
                PART, Level.FAIL, f"{place} cannot be used: {words}", "Correct FARM_DATABASE_URL or start the server."
            )
            return
        if engine.dialect.name == "postgresql":
            yield from _room(engine)
        yield _revision(engine)
    finally:
        engine.dispose()


def _server(connection: Connection, place: str, began: float) -> Finding:
    name = connection.dialect.name
    asked = "SHOW server_version" if name == "postgresql" else "SELECT sqlite_version()"
    version = connection.execute(text(asked)).scalar_one()
    kind = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}[name]
    took = (time.monotonic() - began) * 1e3
    return Finding(PART, Level.OK, f"{kind} {version} at {place} answered in {took:.0f} ms.")


def _room(engine: Engine) -> Iterator[Finding]:
    """Whether two more megabytes have room on the server's disk; they are taken back at once."""
    trial = "CREATE TEMPORARY TABLE farm_doctor AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
    try:
        with engine.connect() as connection:
            connection.execute(text(trial))
            connection.rollback()
    except OperationalError as error:
        words = f"The database can be read, and takes nothing more: {trouble(error)}"
        yield Finding(PART, Level.FAIL, words, "Free some space on its disk; the farm goes on by itself.")
    except DBAPIError:
        return  # a replica, or a user who may make no temporary table: that is no fault


def _postgres(connection: Connection, settings: Settings) -> Iterator[Finding]:
    if connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
        words = "The server is a replica, which takes no writes."
        yield Finding(PART, Level.FAIL, words, "Name the primary in FARM_DATABASE_URL.")
    elif connection.execute(text("SHOW default_transaction_read_only")).scalar_one() == "on":
        yield Finding(PART, Level.FAIL, "The database is read-only.", "See default_transaction_read_only.")
    clock = FarmClock(connection.engine, wall=system_clock)
    clock.measure()
    yield clock_finding(PART, clock.skew or 0.0, "the database")
    encrypted = connection.connection.driver_connection.pgconn.ssl_in_use  # type: ignore[union-attr]
    if not encrypted and not is_here(settings.database_url.get_secret_value()):
        yield Finding(
            PART,
            Level.WARN,
            "What goes to the database is not encrypted.",
            "Add ?sslmode=verify-full to FARM_DATABASE_URL, unless the network between is your own.",
        )


def _revision(engine: Engine) -> Finding:
    try:
        check_revision(engine)
    except WrongRevision as error:
        return Finding(PART, Level.FAIL, error.detail, "farm db upgrade")
    return Finding(PART, Level.OK, f"The schema is that of this farm: revision {current_revision(engine)}.")
