"""Share links: what is shown without a sign-in, and until when."""

from typing import Literal

from pydantic import Field

from dashboard.schemas.base import Answer
from farm.tables.share_links import SharedKind


class ShareLink(Answer):
    """An address that shows something of the project without a sign-in, until it ends."""

    id: str
    kind: SharedKind
    target: str = Field(description="The id of the render, the job or the board")
    parameters: bool = Field(description="Whether it shows prompts and how things were made")
    user: str | None = Field(description="Who made it")
    state: Literal["valid", "expired", "revoked"]
    created_at: str
    expires_at: str
    revoked_at: str | None


class MadeShareLink(ShareLink):
    """A new share link with its address, which is shown this once: only a hash of it is kept."""

    url: str


class ShareLinkList(Answer):
    """The share links of the project, the newest first; those that have ended stay for 90 days."""

    items: list[ShareLink]
