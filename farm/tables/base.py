"""What all tables share: the naming of constraints, ids, JSON columns."""

from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy import JSON, CheckConstraint, MetaData, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

#: A UUIDv7 made by :func:`farm.ids.new_id`: `uuid` on PostgreSQL, CHAR(32) on SQLite, `str` in Python.
Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]
#: Seconds since 1970, UTC.
Seconds = Annotated[float, mapped_column(sa.Double)]
#: A 64-bit float: virtual times, weights, GPU-seconds.
Double = Annotated[float, mapped_column(sa.Double)]
#: A name that people chose: a model, a lane, a pool, a project.
Name = Annotated[str, mapped_column(String(200))]
Document = Annotated[dict[str, Any], mapped_column(JSON().with_variant(JSONB(), "postgresql"))]

#: For tables whose rows are rewritten all day: PostgreSQL vacuums after 1,000 dead rows, whatever the size of
#: the table, and without pauses; with the defaults a claim slowed from 1.9 to 3.1 ms within 200,000 renders.
HOT_ROWS: dict[str, Any] = {
    "postgresql_with": {
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 1000,
        "autovacuum_vacuum_cost_delay": 0,
    }
}


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that the column holds a member of the enumeration (or nothing, where it may)."""
    allowed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


class Base(DeclarativeBase):
    """All tables of the farm; constraint names are fixed, so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
