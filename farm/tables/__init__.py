"""The schema of the job database: every table, in the words of the glossary.

Times are seconds since 1970 (UTC) as floats, written from an injected clock and never by the database, so
that the simulator can run the same statements under a virtual clock. Ids are UUIDv7 strings: they sort by
creation.
"""

from farm.tables.audit import AuditEntry
from farm.tables.base import Base
from farm.tables.files import Artifact, Input
from farm.tables.fleet import LaneSample, Lease, Pool, ScaleDecision, Worker, WorkerSample
from farm.tables.gallery import Board, BoardRender, RenderMark, RenderTag
from farm.tables.measurements import BatchCurve, MemoryLimit, Observation, Regression, Usage
from farm.tables.models import ModelFolder
from farm.tables.presets import Preset
from farm.tables.scores import GallerySetDistance, Score, SetDistance
from farm.tables.share_links import ShareLink
from farm.tables.users import IdempotencyKey, Key, Project, Session, User
from farm.tables.webhooks import Webhook, WebhookDelivery
from farm.tables.work import (
    Attempt,
    Charge,
    Dependency,
    Event,
    Flow,
    Intake,
    Job,
    Lane,
    LaneClass,
    Render,
)

__all__ = [
    "Artifact",
    "Attempt",
    "AuditEntry",
    "Base",
    "BatchCurve",
    "Board",
    "BoardRender",
    "Charge",
    "Dependency",
    "Event",
    "Flow",
    "GallerySetDistance",
    "IdempotencyKey",
    "Input",
    "Intake",
    "Job",
    "Key",
    "Lane",
    "LaneClass",
    "LaneSample",
    "Lease",
    "MemoryLimit",
    "ModelFolder",
    "Observation",
    "Pool",
    "Preset",
    "Project",
    "Regression",
    "Render",
    "RenderMark",
    "RenderTag",
    "ScaleDecision",
    "Score",
    "Session",
    "SetDistance",
    "ShareLink",
    "Usage",
    "User",
    "Webhook",
    "WebhookDelivery",
    "Worker",
    "WorkerSample",
]
