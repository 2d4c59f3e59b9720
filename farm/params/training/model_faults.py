"""Why no LoRA of a model can be trained as it was asked for: by its family, or by its pools."""

from farm.catalog.loading import Catalog
from farm.catalog.pool import PoolEntry
from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.params.request.base import HIGH_NOISE, LOW_NOISE
from farm.params.training.request import TrainingRequest
from farm.params.training.trained_families import TRAINED, TrainedFamily
from farm.sentences import Sentence, sentence


def model_faults(asked: TrainingRequest, entry: ModelEntry, catalog: Catalog) -> list[Fault]:
    """Why no LoRA of this model can be trained by its pools."""
    family = TRAINED.get(entry.family)
    if family is None:
        able = ", ".join(sorted(name for name, model in catalog.models.items() if model.family in TRAINED))
        text = sentence(
            "is of family %(family)s, and trained are models of the families %(families)s: %(able)s",
            family=entry.family,
            families=", ".join(TRAINED),
            able=able,
        )
        return [Fault("/model", text)]
    if asked.clips and not family.clips:
        return [Fault("/clips", sentence("%(model)s makes pictures, and learns from pictures alone", model=entry.name))]
    if family.experts and asked.expert is None:
        text = sentence(
            "%(model)s has two experts, and a LoRA is trained for one: %(first)s (layout and movement) or %(second)s "
            "(details)",
            model=entry.name,
            first=HIGH_NOISE,
            second=LOW_NOISE,
        )
        return [Fault("/expert", text)]
    if faults := _first_frame_faults(asked, entry, family):
        return faults
    if asked.expert is not None and not family.experts:
        return [Fault("/expert", sentence("%(model)s has no two experts; leave it out", model=entry.name))]
    for pool in catalog.pools_of(entry.name):
        if fault := _pool_fault(pool):
            return [Fault("/model", fault)]
    if entry.without_adapters:
        return [Fault("/model", sentence("takes no adapters: %(reason)s", reason=entry.without_adapters))]
    return []


def idle_ranks(asked: TrainingRequest, catalog: Catalog) -> list[str]:
    """Notices of pools whose devices do not share the examples of a step equally."""
    rows = asked.train_batch_size * (2 if asked.with_prior_preservation else 1)
    return [
        f"/train_batch_size: the {devices} devices of pool '{pool.name}' share the examples of a step, and of {rows} "
        f"some have none that counts; take a multiple of {devices}"
        for pool in catalog.pools_of(asked.model)
        if pool.sharding is not None and rows % (devices := pool.sharding.devices)
    ]


def _pool_fault(pool: PoolEntry) -> Sentence | None:
    """Why the workers of a pool train nothing."""
    if pool.sharding is not None and pool.sharding.by != "weights":
        return sentence(
            "its pool %(pool)s lays it on several devices by '%(by)s', and trained is by 'weights' alone; make a model "
            "of it (extends) whose pools do that",
            pool=pool.name,
            by=pool.sharding.by,
        )
    held = "quantization" if pool.quantization else "offload" if pool.offload != "none" else None
    held = held or ("compile" if pool.compile else None)
    if not held:
        return None
    return sentence(
        "its pool %(pool)s has '%(held)s', with which nothing is trained; make a model of it (extends) whose pools "
        "have none",
        pool=pool.name,
        held=held,
    )


def _first_frame_faults(asked: TrainingRequest, entry: ModelEntry, family: TrainedFamily) -> list[Fault]:
    """What a model whose clips begin with a picture wants, and others do not."""
    if not family.first_frames:
        if asked.validation_image is None:
            return []
        text = sentence("the samples of %(model)s begin with no picture; leave it out", model=entry.name)
        return [Fault("/validation_image", text)]
    faults = []
    if asked.pictures:
        text = sentence("%(model)s learns how clips go on from their first frames; give clips alone", model=entry.name)
        faults.append(Fault("/pictures", text))
    if asked.validation_image is None:
        text = sentence(
            "clips of %(model)s begin with a picture; upload the one that the samples begin with and give its id",
            model=entry.name,
        )
        faults.append(Fault("/validation_image", text))
    if asked.num_frames == 1:
        faults.append(Fault("/num_frames", sentence("of the first frame alone nothing is learnt; take 5 or more")))
    if asked.with_prior_preservation:
        text = sentence(
            "%(model)s draws no clips of a class, which would need pictures; leave it out", model=entry.name
        )
        faults.append(Fault("/with_prior_preservation", text))
    return faults
