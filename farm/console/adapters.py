"""What an uploaded adapter is good for, in a line."""

from __future__ import annotations

from farm.client import Adapter

#: Models named at the most; the API has them all.
_NAMED = 6


def adapter_line(adapter: Adapter) -> str:
    """'rank 16, 480 layers; fits wan-demo (wan); in part wan21-i2v-14b-480p (400 layers, not …)'."""
    whole = [fit for fit in adapter.fits if fit.applied == adapter.layers]
    part = [fit for fit in adapter.fits if fit.applied < adapter.layers]
    parts = [f"rank {adapter.rank}, {adapter.layers} {'layer' if adapter.layers == 1 else 'layers'}"]
    if whole:
        parts.append("fits " + _listed([f"{fit.model} ({fit.family})" for fit in whole]))
    if part:
        counted = [f"{fit.model} ({fit.family}: {fit.applied}, not {fit.reason})" for fit in part]
        parts.append("in part, with --allow-partial, " + _listed(counted))
    if not adapter.fits:
        parts.append("fits no model of this farm, as far as the farm knows their layers")
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
