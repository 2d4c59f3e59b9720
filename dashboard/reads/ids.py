"""Ids as they come in addresses."""

import uuid

from farm.errors import NotFound
from farm.sentences import sentence

#: What has ids, for the catalogs of the pages.
KINDS = (
    *(sentence("job"), sentence("render"), sentence("input"), sentence("board"), sentence("artifact")),
    *(sentence("webhook"), sentence("delivery"), sentence("key"), sentence("video")),
    *(sentence("finished render"), sentence("worker"), sentence("pool"), sentence("lane")),
    *(sentence("training"), sentence("share link"), sentence("preset")),
)


def known_form(kind: str, text: str) -> str:
    """The canonical form of an id. Raises NotFound when it is none: then nothing has it."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(
            sentence(
                "There is no %(kind)s with this id; ids look like 0195f0c2-7d1a-7c3e-9f00-2b6c1d4e5f60.",
                kind=sentence(kind),
            )
        ) from None


def missing(kind: str, found: str) -> NotFound:
    """The answer when nothing of this id is visible: the same whether it is another project's or nobody's."""
    return NotFound(sentence("There is no %(kind)s %(id)s in your project.", kind=sentence(kind), id=found))
