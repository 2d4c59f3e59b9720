"""Control: what people decide about work that was admitted. It acts at once, at any point of a render's life.

Every function commits what it did and then tells workers and watchers. What touches many renders goes in chunks,
each a transaction of its own with its own event; called again after a crash in the middle, it does the rest.
"""

from scheduler.control.cancel import cancel_filtered, cancel_job, cancel_render
from scheduler.control.choose_drafts import Chosen, Siblings, keep_drafts
from scheduler.control.filters import Found, RenderFilter
from scheduler.control.move_to_lane import transfer_job
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.pause_pool import pause_flow, pause_lane, pause_pool, resume_flow, resume_lane, resume_pool
from scheduler.control.pause_project import pause_project, resume_project
from scheduler.control.reclass import change_class
from scheduler.control.reorder import Place, reorder_job
from scheduler.control.retry import retry_render

__all__ = [
    "Chosen",
    "Found",
    "Place",
    "RenderFilter",
    "Siblings",
    "cancel_filtered",
    "cancel_job",
    "cancel_render",
    "change_class",
    "keep_drafts",
    "pause_flow",
    "pause_job",
    "pause_lane",
    "pause_pool",
    "pause_project",
    "reorder_job",
    "resume_flow",
    "resume_job",
    "resume_lane",
    "resume_pool",
    "resume_project",
    "retry_render",
    "transfer_job",
]
