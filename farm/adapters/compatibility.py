"""What the models of the farm take of an adapter, as it is stored beside an upload and told to people.

Kept by architecture, not by model: a model that changes its architecture has another one, of which nothing is known
until the file is sent again or a worker has it.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from farm.adapters.file_header import AdapterFacts
from farm.catalog.architectures import architecture_of
from farm.catalog.schema import ModelEntry


class ArchitectureFit(BaseModel):
    """What one architecture takes: so many of the file's layers; `reason`: why not all, by the first tensor."""

    model_config = ConfigDict(frozen=True)

    applied: int
    reason: str = ""


class AdapterCompatibility(BaseModel):
    """Beside an upload: the layers of the file, its largest rank, and what each architecture takes of it."""

    model_config = ConfigDict(frozen=True)

    layers: int
    rank: int
    shares: dict[str, ArchitectureFit] = {}

    def of(self, entry: ModelEntry) -> ArchitectureFit | None:
        """What a model takes; None where that is not known before a worker has loaded it."""
        architecture = architecture_of(entry)
        return None if architecture is None else self.shares.get(architecture.id)


def compatibility_of(facts: AdapterFacts, models: Iterable[ModelEntry]) -> AdapterCompatibility:
    """What these models take of a file."""
    known = {found.id: found for entry in models if (found := architecture_of(entry)) is not None}
    shares = {}
    for name, architecture in known.items():
        fit = architecture.transformer.fit(facts.parts)
        reason = str(fit.left_out[0]) if fit.left_out else ""
        shares[name] = ArchitectureFit(applied=len(fit.placed), reason=reason)
    return AdapterCompatibility(layers=facts.layers, rank=facts.rank, shares=shares)


def fitting_models(
    shares: AdapterCompatibility, models: Iterable[ModelEntry]
) -> list[tuple[ModelEntry, ArchitectureFit]]:
    """The models that take anything of an adapter, those that take the most first.

    What a model takes no adapter of at all, whatever fits it, is not among them.
    """
    able = [entry for entry in models if not entry.without_adapters]
    found = [(entry, share) for entry in able if (share := shares.of(entry)) is not None and share.applied]
    return sorted(found, key=lambda pair: -pair[1].applied)
