"""Share links: show a picture, the outputs of a job or a board to people who have no account, for a while."""

from __future__ import annotations

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import whole_list
from farm.client.replies import MadeShareLink, ShareLink
from farm.client.short_ids import find_whole_id


class ShareLinks:
    """What the project shows without a sign-in."""

    _transport: Transport

    def share_links(self) -> list[ShareLink]:
        """The share links of the project, the newest first; those that ended stay for 90 days."""
        return whole_list(self._transport, ShareLink, api_path("share-links"))

    def share(self, kind: str, target: str, *, seconds: float, parameters: bool = False) -> MadeShareLink:
        """An address that shows this for `seconds` to whoever has it; the answer has its `url`, this once.

        `kind`: render, job or board; `target`: its id. `parameters`: show prompts and settings too.
        """
        body = {"kind": kind, "target": target, "seconds": seconds, "parameters": parameters}
        return read_reply(MadeShareLink, self._transport.post(api_path("share-links"), body, repeatable=False))

    def revoke_share_link(self, link_id: str) -> None:
        """End a share link at once."""
        self._transport.delete(api_path("share-links", link_id))

    def find_share_link_id(self, typed: str) -> str:
        """The id of the share link from a part of it. Raises NotFound, and AmbiguousId with all that it may be."""
        return find_whole_id(typed, "share link", lambda: ((one.id, one.kind) for one in self.share_links()))
