"""The gallery: finished renders of all jobs, marks, tags, boards, and deleting single renders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages, whole_list
from farm.client.replies import Board, GalleryRender, Marks, UsedTag
from farm.did_you_mean import did_you_mean
from farm.errors import NotFound
from farm.ids import is_id


class Gallery:
    """What is finished in the project, and what its people say of it."""

    _transport: Transport

    def gallery(
        self,
        *,
        text: str | None = None,
        model: str | Sequence[str] | None = None,
        width: int | None = None,
        height: int | None = None,
        sampler: str | None = None,
        lora: str | None = None,
        tag: str | Sequence[str] | None = None,
        rating: int | None = None,
        favourite: bool = False,
        user: str | None = None,
        job: str | None = None,
        scorer: str | None = None,
        least_score: float | None = None,
        board: str | None = None,
        finished_after: datetime | None = None,
        finished_before: datetime | None = None,
        deleted: bool = False,
        verifications: str | None = None,
        limit: int | None = None,
    ) -> Iterator[GalleryRender]:
        """The finished renders of all jobs for which all that is given holds, newest first, at most `limit` of them.

        `text`: words of the prompt, each from its beginning. `tag`: all of these. `rating`: so, or better. `board` and
        `job`: by id. `scorer`: what it has scored, with `least_score` so or better. Times have a zone. `deleted`: those
        that were deleted and are not removed yet, instead of all others. `verifications`: 'with' the second renders
        that nobody has marked, which are left out else, or 'only' second renders.
        """
        chosen = {
            "text": text,
            "model": model,
            "width": width,
            "height": height,
            "sampler": sampler,
            "lora": lora,
            "tag": tag,
            "rating": rating,
            "favourite": True if favourite else None,
            "user": user,
            "job": job,
            "scorer": scorer,
            "least_score": least_score,
            "board": board,
            "finished_after": finished_after and finished_after.isoformat(),
            "finished_before": finished_before and finished_before.isoformat(),
            "deleted": True if deleted else None,
            "verifications": verifications,
        }
        return pages(self._transport, GalleryRender, api_path("renders"), chosen, limit)

    def marks(self, render_id: str) -> Marks:
        """The rating, the tags and the boards of a render."""
        return read_reply(Marks, self._transport.get(api_path("renders", render_id, "marks")))

    def mark(
        self,
        render_ids: str | Sequence[str],
        *,
        rating: int | None = None,
        favourite: bool | None = None,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
    ) -> int:
        """Mark renders, all or none; returns how many. `rating`: 1 to 5, 0 takes it away. What is left out stays."""
        asked = {
            "renders": [render_ids] if isinstance(render_ids, str) else list(render_ids),
            "rating": rating,
            "favourite": favourite,
            "add_tags": list(add_tags),
            "remove_tags": list(remove_tags),
        }
        body = {name: value for name, value in asked.items() if value is not None}
        told = self._transport.post(api_path("renders", "marks"), body, repeatable=True)
        return int(told["renders"])

    def tags(self) -> list[UsedTag]:
        """The tags of the project, those that most renders have first."""
        return whole_list(self._transport, UsedTag, api_path("tags"))

    def delete_render(self, render_id: str, *, keep_seconds: float | None = None) -> Marks:
        """Have the files of a finished render removed: it leaves the gallery now, and can be restored for a day.

        `keep_seconds`: another span than a day; 0 removes them at once.
        """
        given = "" if keep_seconds is None else f"?keep_seconds={keep_seconds}"
        return read_reply(Marks, self._transport.delete(api_path("renders", render_id) + given))

    def restore_render(self, render_id: str) -> Marks:
        """Keep a deleted render after all."""
        return read_reply(Marks, self._transport.control(api_path("renders", render_id, "restore")))

    def boards(self) -> list[Board]:
        """The boards of the project, by name."""
        return whole_list(self._transport, Board, api_path("boards"))

    def find_board_id(self, typed: str) -> str:
        """The id of the board of this name; an id as it is. Raises NotFound with what there is."""
        if is_id(typed):
            return typed
        ids = {board.name: board.id for board in self.boards()}
        if typed not in ids:
            raise NotFound(f"There is no board {typed!r}; {did_you_mean(typed, ids, show=8)}.")
        return ids[typed]

    def add_board(self, name: str) -> Board:
        """A new, empty board."""
        return read_reply(Board, self._transport.post(api_path("boards"), {"name": name}, repeatable=False))

    def rename_board(self, board_id: str, name: str) -> Board:
        """Give a board another name."""
        return read_reply(Board, self._transport.patch(api_path("boards", board_id), {"name": name}))

    def change_board(self, board_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Board:
        """Put renders on a board and take others off, all or none."""
        body = {"add": list(add), "remove": list(remove)}
        return read_reply(Board, self._transport.post(api_path("boards", board_id, "renders"), body, repeatable=True))

    def remove_board(self, board_id: str) -> None:
        """Remove a board; its renders stay."""
        self._transport.delete(api_path("boards", board_id))
