"""Whether a render came out again as it was."""

from typing import Literal

from pydantic import Field

from dashboard.schemas.base import Answer
from farm.lifecycle import RenderStatus


class Verification(Answer):
    """A render that was rendered once more with the same parameters, and how the two compare."""

    render_id: str = Field(description="The render that is verified")
    job_id: str = Field(description="The job that renders it again; it waits and is charged as any other")
    second_render_id: str = Field(description="The render of that job; /renders/{id}/why says why it waits")
    status: RenderStatus = Field(description="Where the second render is")
    verdict: Literal["same_bytes", "same_pixels", "within", "other"] | None = Field(
        description="same_bytes: the same file; same_pixels: the model made the same pixels, the file has other bytes; "
        "within: their PSNR is at least the tolerance; other: it is less. null until the second render is done, and "
        "where the two cannot be compared"
    )
    psnr: float | None = Field(
        description="Peak signal-to-noise ratio of the two files in dB; null where hashes say enough or nothing differs"
    )
    largest: int | None = Field(description="The largest difference of all values, of 255; null like that")
    tolerance: float = Field(description="From this PSNR on two outputs count as the same, in dB")
    differences: list[str] = Field(
        description="What is not as it was by the manifests (versions, device, threads, weights, batch sizes, …), "
        "which may explain other pixels; empty: nothing that manifests record"
    )
    reason: str | None = Field(description="Why there is no verdict where there will be none, in words")
    asked_at: str
    finished_at: str | None
