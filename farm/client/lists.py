"""Lists that the farm answers, whole or page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from farm.client.connection.transport import ReplyT, Transport, read_reply
from farm.client.errors import FarmProblem

_PAGE = 100  # items asked for at once


def whole_list(
    transport: Transport, kind: type[ReplyT], path: str, params: dict[str, Any] | None = None
) -> list[ReplyT]:
    """A list that comes in one answer."""
    return [read_reply(kind, item) for item in items_of(transport.get(path, params))]


def pages(
    transport: Transport,
    kind: type[ReplyT],
    path: str,
    params: dict[str, Any] | None = None,
    limit: int | None = None,
) -> Iterator[ReplyT]:
    """A list that comes in pages, asked for as it is read; at most `limit` items."""
    cursor: str | None = None
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        answer = transport.get(path, {**(params or {}), "limit": size, "cursor": cursor})
        for item in items_of(answer):
            yield read_reply(kind, item)
        left = None if left is None else left - len(items_of(answer))
        cursor = answer.get("next_cursor")
        if cursor is None:
            return


def items_of(answer: Any) -> list[Any]:
    """What a list holds; raises FarmProblem when the answer is no list of a farm."""
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise FarmProblem("The answer is no list of a farm: check FARM_URL.", title="Answer not understood")
    return items
