"""What all tables share: the naming of constraints, ids, JSON columns."""

from typing import Annotated, Any

from sqlalchemy import JSON, Double, MetaData, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

#: A UUIDv7 made by :func:`farm.ids.new_id`: `uuid` on PostgreSQL, CHAR(32) on SQLite, `str` in Python.
Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]
#: Seconds since 1970, UTC.
Seconds = Annotated[float, mapped_column(Double)]
#: A name that people chose: a model, a lane, a pool, a project.
Name = Annotated[str, mapped_column(String(200))]
Document = Annotated[dict[str, Any], mapped_column(JSON().with_variant(JSONB(), "postgresql"))]


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
