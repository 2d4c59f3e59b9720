"""Presets of the Submit form, and what one asked for lately: each person's own."""

from __future__ import annotations

from collections.abc import Mapping

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import whole_list
from farm.client.replies import Preset
from farm.client.short_ids import only_id
from farm.errors import NotFound


class Presets:
    """What the key's person keeps in the project."""

    _transport: Transport

    def presets(self) -> list[Preset]:
        """One's own presets, by name."""
        return whole_list(self._transport, Preset, api_path("presets"))

    def save_preset(self, name: str, fields: Mapping[str, str]) -> Preset:
        """Keep these fields of the Submit form under a name, in place of those that were kept under it."""
        body = {"name": name, "fields": dict(fields)}
        return read_reply(Preset, self._transport.post(api_path("presets"), body, repeatable=True))

    def remove_preset(self, preset_id: str) -> None:
        """Forget a preset."""
        self._transport.delete(api_path("presets", preset_id))

    def find_preset_id(self, typed: str) -> str:
        """The id of the preset of this name, or from a part of its id. Raises NotFound, AmbiguousId."""
        return self.find_preset(typed).id

    def find_preset(self, typed: str) -> Preset:
        """The preset of this name, or by its id or a part of that. Raises NotFound, AmbiguousId."""
        presets = self.presets()
        part = typed.lower()
        found = [one for one in presets if one.name == typed] or [
            one for one in presets if part and (one.id.startswith(part) or one.id.endswith(part))
        ]
        if not found:
            raise NotFound(f"You have no preset {typed!r}; `farm presets list` shows those that you have.")
        whole = only_id(typed, [(one.id, one.name) for one in found], "preset")
        return next(one for one in found if one.id == whole)

    def prompts(self, limit: int = 20) -> list[str]:
        """What one asked for lately, the newest first, each text once."""
        told = self._transport.get(api_path("prompts"), {"limit": limit})
        return [str(prompt) for prompt in told["items"]]
