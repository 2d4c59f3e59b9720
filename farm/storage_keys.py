"""Keys in the bucket: where the files of renders and uploads lie.

An artifact is written once, under the key of its own attempt: a late worker cannot overwrite what is settled.
"""

import re
from enum import StrEnum

#: Under it lie all artifacts.
ARTIFACTS = "projects/"
#: Under it lie the pictures that people uploaded.
INPUTS = "inputs/"
_ARTIFACT_KEY = re.compile(r"projects/[^/]+/jobs/[^/]+/renders/([0-9a-f-]{36})/(\d+)/[^/]+")


class ArtifactKind(StrEnum):
    """What a stored file of a render is."""

    OUTPUT = "output"
    THUMBNAIL = "thumbnail"
    MANIFEST = "manifest"
    POSTER = "poster"  # of a clip: its first frame
    LATENTS = "latents"  # what the VAE decoded
    ADAPTER = "adapter"  # of a training: the LoRA
    LOSSES = "losses"  # of a training: the loss of each step, as CSV
    DRAFT = "draft"  # the picture or clip as it was when its render stopped for a choice
    CHECKPOINT = "checkpoint"  # of a render that has not ended; not for people


def attempt_of(key: str) -> tuple[str, int] | None:
    """The render's id and the number of the attempt that an artifact's key names; None for any other key."""
    named = _ARTIFACT_KEY.fullmatch(key)
    return (named[1], int(named[2])) if named else None


def artifact_key(project_id: str, job_id: str, render_id: str, attempt: int, filename: str) -> str:
    """Where a file of one attempt lies in the bucket."""
    return f"projects/{project_id}/jobs/{job_id}/renders/{render_id}/{attempt}/{filename}"


def input_key(project_id: str, input_id: str, suffix: str) -> str:
    """Where an uploaded file lies in the bucket."""
    return f"{INPUTS}{project_id}/{input_id}{suffix}"


def checkpoint_name(step: int) -> str:
    """The file of a checkpoint that was written before this step; another for each, as nothing is written twice."""
    return f"checkpoint-{step}.safetensors"


def is_checkpoint(key: str) -> bool:
    """Whether a key is that of a checkpoint."""
    return key.rpartition("/")[2].startswith("checkpoint-")
