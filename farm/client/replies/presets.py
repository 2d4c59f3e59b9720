"""What one keeps of the Submit form."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from farm.client.replies.base import Reply


class Preset(Reply):
    """The fields of the Submit form under a name."""

    id: str
    name: str
    #: As they are typed there.
    fields: dict[str, str] = Field(default_factory=dict)
    updated_at: datetime | None = None
