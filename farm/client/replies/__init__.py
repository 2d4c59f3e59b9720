"""What the farm answers, typed.

Fields that this client does not know are ignored, so that a newer farm can say more.
"""

from farm.client.replies.audit import AuditEntry
from farm.client.replies.base import Cost, Forecast, Range, Reply
from farm.client.replies.fleet import LogLine, Model, Pool, ScaleChange, Scaling, Switched, Worker
from farm.client.replies.gallery import Board, GalleryRender, Marks, UsedTag
from farm.client.replies.inputs import Adapter, AdapterFit, Input
from farm.client.replies.jobs import Cancelled, FileProgress, Job, JobEvent, Kept, Quote, QuotedShape, Why
from farm.client.replies.presets import Preset
from farm.client.replies.projects import Key, MadeKey, Member, Project, Quota, Usage, UsageDay, User, WhoAmI
from farm.client.replies.renders import (
    Artifact,
    DeadLetter,
    FailedAttempt,
    Render,
    RenderedSize,
    RenderProgress,
    Retried,
)
from farm.client.replies.scores import AskedScores, Score, ScoreCounts, Scorer
from farm.client.replies.set_distances import SetDistance
from farm.client.replies.share_links import MadeShareLink, ShareLink
from farm.client.replies.trainings import Training
from farm.client.replies.verification import Verification
from farm.client.replies.webhooks import CreatedWebhook, Webhook, WebhookDelivery

__all__ = [
    "Adapter",
    "AdapterFit",
    "Artifact",
    "AskedScores",
    "AuditEntry",
    "Board",
    "Cancelled",
    "Cost",
    "CreatedWebhook",
    "DeadLetter",
    "FailedAttempt",
    "FileProgress",
    "Forecast",
    "GalleryRender",
    "Input",
    "Job",
    "JobEvent",
    "Kept",
    "Key",
    "LogLine",
    "MadeKey",
    "MadeShareLink",
    "Marks",
    "Member",
    "Model",
    "Pool",
    "Preset",
    "Project",
    "Quota",
    "Quote",
    "QuotedShape",
    "Range",
    "Render",
    "RenderProgress",
    "RenderedSize",
    "Reply",
    "Retried",
    "ScaleChange",
    "Scaling",
    "Score",
    "ScoreCounts",
    "Scorer",
    "SetDistance",
    "ShareLink",
    "Switched",
    "Training",
    "Usage",
    "UsageDay",
    "UsedTag",
    "User",
    "Verification",
    "Webhook",
    "WebhookDelivery",
    "WhoAmI",
    "Why",
    "Worker",
]
