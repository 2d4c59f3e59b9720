"""The renders of a request: thousands share nearly everything, and are objects only where one is looked at."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, overload

from farm.params.request.base import RenderParameters


class Renders(Sequence[RenderParameters]):
    """Renders in their order, each drawn from one that is `alike`: the same but for its prompt and its seed.

    An object costs more than all that admission does for a render; `documents` has what it stores.
    """

    def __init__(self, drawn: list[tuple[RenderParameters, str, int]]) -> None:
        self._drawn = drawn

    def __len__(self) -> int:
        return len(self._drawn)

    @overload
    def __getitem__(self, place: int) -> RenderParameters: ...

    @overload
    def __getitem__(self, place: slice) -> "Renders": ...

    def __getitem__(self, place: int | slice) -> "RenderParameters | Renders":
        if isinstance(place, slice):
            return Renders(self._drawn[place])
        return drawn_from(*self._drawn[place])

    @property
    def seeds(self) -> list[int]:
        """The seed of each render."""
        return [seed for _, _, seed in self._drawn]

    def kinds(self) -> list[tuple[RenderParameters, int]]:
        """What the renders are drawn from, each with how many: they differ in more than prompt and seed."""
        counts = Counter(id(alike) for alike, _, _ in self._drawn)
        firsts = {id(alike): alike for alike, _, _ in self._drawn}
        return [(firsts[key], count) for key, count in counts.items()]

    def documents(self) -> Iterator[tuple[RenderParameters, dict[str, Any]]]:
        """For each render the one it is alike, and the document that `renders.parameters` holds."""
        shared = {id(alike): alike.document() for alike, _, _ in self._drawn}
        for alike, prompt, seed in self._drawn:
            yield alike, {**shared[id(alike)], "prompt": prompt, "seed": seed}


def drawn_from(alike: RenderParameters, prompt: str, seed: int) -> RenderParameters:
    """A render with a prompt and a seed that request validation has looked at."""
    return alike.model_copy(update={"prompt": prompt, "seed": seed})
