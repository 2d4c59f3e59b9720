"""Duty: fold the charges that claimers have left, and those that committed late."""

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.tables import Charge
from scheduler.fair_share.fold_charges import fold

#: How often the duty does what claimers leave: the last charges of a lane that fell silent, and those that were late.
EVERY_SECONDS = 5.0


def one_pass(connections: Connections, now: float) -> int:
    """Fold the charges of every lane, the late ones too; returns how many."""
    with read(connections.engine) as connection:
        lanes = connection.scalars(select(Charge.lane).distinct()).all()
    shares = connections.settings.class_shares
    return sum(fold(connections.engine, lane, now, shares=shares, late=True) for lane in sorted(lanes))
