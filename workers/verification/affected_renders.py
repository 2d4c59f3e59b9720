"""`farm verify --since`: every render that may have been touched by the LoRA of another one is made again."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.connections import Connections
from farm.database import read
from farm.errors import FarmError, NotFound
from farm.manifest import Manifest
from farm.schema.revisions import check_revision
from farm.verification.verdict import TOLERANCE, Verdict
from scheduler.fleet.affected_renders import AffectedRender, find_affected
from workers.agent.input_pictures import Pictures
from workers.agent.lora_files import AdapterFiles
from workers.pipelines.load import Loaded, LoadingFailed, choose_device, load
from workers.verification.rerender import set_threads
from workers.verification.verify_manifest import Verified, verify


@dataclass(frozen=True)
class Checked:
    """What came of one render: how it was made again, or why it could not be."""

    affected: AffectedRender
    verified: Verified | None = None
    differences: Sequence[str] = ()  # what is not as it was
    reason: str | None = None

    @property
    def differs(self) -> bool:
        """Whether it is not what its manifest says. Where nothing is other than then, even the last bit counts."""
        if self.verified is None or self.verified.verdict in (Verdict.SAME_BYTES, Verdict.SAME_PIXELS):
            return False
        return self.verified.verdict is Verdict.OTHER or not self.differences

    def __str__(self) -> str:
        if self.verified is None:
            return f"cannot be made again here: {self.reason}"
        told = "; ".join([str(self.verified), *self.differences])
        return f"DIFFERS: {told}" if self.differs else told


def list_affected(connections: Connections, since: float, until: float) -> list[AffectedRender]:
    """Raises WrongRevision."""
    check_revision(connections.engine)
    with read(connections.engine) as connection:
        return find_affected(connection, since, until)


def check(
    connections: Connections,
    affected: Sequence[AffectedRender],
    *,
    pool: str | None = None,
    tolerance: float = TOLERANCE,
) -> Iterator[Checked]:
    """Make each again at its recorded batch sizes, on this machine; each model is loaded once.

    `pool`: as which it is loaded, where pools say more than the catalog's entry.
    """
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        for model, alike in itertools.groupby(affected, key=lambda one: one.model):
            try:
                loaded = _load(connections, model, pool)
            except (LoadingFailed, FarmError) as error:
                yield from (Checked(one, reason=str(error)) for one in alike)
                continue
            for one in alike:
                yield _check(connections, one, loaded, Path(folder), tolerance)


def _load(connections: Connections, model: str, pool: str | None) -> Loaded:
    catalog, device = connections.catalog, connections.settings.device
    wanted = catalog.pool(pool) if pool is not None else catalog.held(model)
    return load(catalog.model(model), wanted, choose_device(device, wanted.device if wanted else "auto"))


def _check(connections: Connections, one: AffectedRender, loaded: Loaded, folder: Path, tolerance: float) -> Checked:
    storage, entry = connections.storage, loaded.family.entry
    try:
        manifest = Manifest.model_validate_json(storage.get(one.manifest_key))
        stored = storage.get(one.output_key)
        inputs = Pictures(storage, folder / "pictures").files_for(one.parameters, one.render_id)
        inputs |= AdapterFiles(storage, folder / "loras", entry.adapters).files_for(one.parameters, one.render_id)
        set_threads(manifest.environment.torch_threads)
        found, differences = verify(manifest, stored, loaded, tolerance=tolerance, inputs=inputs, also_exclusive=False)
    except NotFound as error:
        return Checked(one, reason=f"its files are gone ({error})")
    except (FarmError, ValueError) as error:
        return Checked(one, reason=str(error))
    return Checked(one, found[0], differences)
