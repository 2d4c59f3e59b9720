"""The schema of the job database: every table, in the words of the glossary.

Times are seconds since 1970 (UTC) as floats, written from an injected clock and never by the database, so
that the simulator can run the same statements under a virtual clock. Ids are UUIDv7 strings: they sort by
creation.
"""

from farm.tables.base import Base
from farm.tables.files import Artifact, Input
from farm.tables.machines import Lease, Pool, Worker
from farm.tables.people import IdempotencyKey, Key, Project, User
from farm.tables.work import Attempt, Event, Flow, Job, Lane, LaneClass, Render

__all__ = [
    "Artifact",
    "Attempt",
    "Base",
    "Event",
    "Flow",
    "IdempotencyKey",
    "Input",
    "Job",
    "Key",
    "Lane",
    "LaneClass",
    "Lease",
    "Pool",
    "Project",
    "Render",
    "User",
    "Worker",
]
