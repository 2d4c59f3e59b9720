"""What a worker and an AI Horde say to each other: the bodies of `/v2/generate/pop` and `/v2/generate/submit`.

Names of fields are those of the Horde's published API (version 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

#: Instead of the picture: it was uploaded to the link that came with the job.
UPLOADED = "R2"
#: The Horde takes no answer without a picture, also of a job that failed.
NO_PICTURE = "faulted"
_LONGEST_REMARK = 255  # characters of a `ref`
_MOST_REMARKS = 50


class State(StrEnum):
    """How a job ended, as the Horde names it."""

    OK = "ok"
    CENSORED = "censored"
    FAULTED = "faulted"


class Message(BaseModel):
    """What the people of a Horde want the owner of a worker to know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    message: str = ""


class Popped(BaseModel):
    """The answer to a pop: a job of one or several pictures, or none, which has no ids."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | None = None
    ids: list[str] | None = None
    model: str | None = None
    payload: dict[str, Any] = Field(default_factory=dict)
    source_image: str | None = None
    source_mask: str | None = None
    extra_source_images: list[Any] | None = None
    r2_upload: str | None = None
    r2_uploads: list[str] | None = None
    ttl: float | None = None  # seconds after which the Horde gives the job to another worker
    skipped: dict[str, Any] | None = None
    messages: list[Message] | None = None

    @property
    def picture_ids(self) -> list[str]:
        """The id of each picture of the job."""
        return self.ids or ([self.id] if self.id else [])

    def upload_link(self, place: int) -> str | None:
        """Where the picture at this place of `picture_ids` is to be put; None: it is sent in the answer itself."""
        links = self.r2_uploads or ([self.r2_upload] if self.r2_upload else [])
        return links[place] if place < len(links) else None


@dataclass(frozen=True)
class Offering:
    """What a bridge says of itself with each pop."""

    worker: str
    agent: str
    max_pixels: int
    threads: int
    nsfw: bool
    amount: int = 1
    blacklist: tuple[str, ...] = ()
    extra_slow: bool = False

    def body(self, models: Sequence[str]) -> dict[str, Any]:
        """The body of a pop for these models, by the Horde's names. What no farm renders is not offered."""
        return {
            "name": self.worker,
            "bridge_agent": self.agent,
            "models": list(models),
            "max_pixels": self.max_pixels,
            "threads": self.threads,
            "amount": self.amount,
            "nsfw": self.nsfw,
            "blacklist": list(self.blacklist),
            "extra_slow_worker": self.extra_slow,
            "require_upfront_kudos": False,
            "allow_img2img": False,
            "allow_painting": False,
            "allow_post_processing": False,
            "allow_controlnet": False,
            "allow_sdxl_controlnet": False,
            "allow_lora": False,
            "limit_max_steps": False,
        }


@dataclass(frozen=True)
class Report:
    """How one picture ended. `remarks` are told to whoever asked for it."""

    picture_id: str
    state: State
    seed: int
    remarks: tuple[str, ...] = ()

    def body(self, generation: str) -> dict[str, Any]:
        """The body of a submit; `generation` is UPLOADED, NO_PICTURE, or a picture in base64."""
        metadata = [
            {"type": "information", "value": "see_ref", "ref": remark[:_LONGEST_REMARK]}
            for remark in self.remarks[: _MOST_REMARKS - 1]
        ]
        if self.state is State.CENSORED:  # the state alone is not heard by the Horde's server
            metadata.insert(0, {"type": "censorship", "value": "nsfw"})
        return {
            "id": self.picture_id,
            "state": self.state.value,
            "generation": generation,
            "seed": self.seed,
            "censored": self.state is State.CENSORED,
            "gen_metadata": metadata,
        }
