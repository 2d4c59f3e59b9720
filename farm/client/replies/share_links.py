"""Addresses that show something of the project without a sign-in."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from farm.client.replies.base import Reply


class ShareLink(Reply):
    """What it shows, and until when; its address was shown once."""

    id: str
    #: render, job or board.
    kind: str
    target: str
    #: Whether it shows prompts and how things were made.
    parameters: bool = False
    user: str | None = None
    #: valid, expired or revoked.
    state: str = "valid"
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class MadeShareLink(ShareLink):
    """A new link with its address: it is shown this once."""

    url: str = Field(repr=False)
