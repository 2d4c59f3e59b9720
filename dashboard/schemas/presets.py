"""Presets of the Submit form, and prompts that were asked for before."""

from pydantic import Field

from dashboard.schemas.base import Answer


class Preset(Answer):
    """What somebody filled into the Submit form, under a name."""

    id: str
    name: str
    fields: dict[str, str] = Field(description="The form's fields, as they are typed there")
    updated_at: str


class PresetList(Answer):
    """One's own presets in the project, by name."""

    items: list[Preset]


class PromptList(Answer):
    """What one asked for lately, the newest first, each text once."""

    items: list[str]
