"""What a claimer remembers between two claims, so that it does not read the same dead rows again and again."""

from dataclasses import dataclass, field
from typing import Any

#: A place in a flow's order: rank and id of a render.
Place = tuple[int, str]
BEGINNING: Place = (-(2**31), "00000000-0000-0000-0000-000000000000")


#: So many marks are kept before those that are too old are thrown away.
_MANY = 1000


@dataclass
class ScanCursor:
    """For each flow, where its head was at the last claim; the next claim looks from there on.

    Those who take backfill of one batch key keep a mark for flow and key too, under a name of their own.

    While some transaction keeps an old snapshot, PostgreSQL cannot remove the index entries of claimed renders:
    without this, 61,000 of them slowed a claim from 2.8 to 32 ms. It hides what becomes pending below it
    for at most `life` seconds; :meth:`forget` drops it at once.
    """

    life: float = 1.0
    #: By flow, the last that was claimed (`scheduler.claims.claim_transaction.Head`).
    heads: dict[str, Any] = field(default_factory=dict)
    _places: dict[str, tuple[Place, float]] = field(default_factory=dict)

    def of(self, flow_id: str, now: float) -> Place:
        """Where to look from: the beginning, when nothing is known or it is too old."""
        place, until = self._places.get(flow_id, (BEGINNING, now))
        # Not before it began either: the clock may have been set back since.
        return place if until - self.life <= now < until else BEGINNING

    def set(self, flow_id: str, place: Place, now: float) -> None:
        """The head was here. A mark keeps the life it began with, however often it moves."""
        if len(self._places) >= _MANY:
            self.heads.clear()
            self._places = {mark: kept for mark, kept in self._places.items() if now < kept[1]}
        _, until = self._places.get(flow_id, (place, 0.0))
        self._places[flow_id] = (place, until if until - self.life <= now < until else now + self.life)

    def forget(self, flow_id: str | None = None) -> bool:
        """Look from the beginning again, in one flow or in all; True when something was known."""
        if flow_id is not None:
            return self._places.pop(flow_id, None) is not None
        known = bool(self._places)
        self._places.clear()
        return known
