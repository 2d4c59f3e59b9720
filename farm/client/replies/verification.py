"""What the farm answers about a render that was rendered again."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from farm.client.replies.base import Reply


class Verification(Reply):
    """How a second render of the same compares; `verdict` is None until it is done, and where there is none.

    `verdict`: same_bytes, same_pixels, within or other; `psnr` and `tolerance` in dB, `largest` difference of 255.
    """

    render_id: str
    job_id: str
    second_render_id: str
    status: str
    verdict: str | None = None
    psnr: float | None = None
    largest: int | None = None
    tolerance: float = 0.0
    differences: list[str] = Field(default_factory=list)
    reason: str | None = None
    asked_at: datetime | None = None
    finished_at: datetime | None = None
