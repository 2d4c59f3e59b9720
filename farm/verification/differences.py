"""What the last bits of a render may depend on, where it is not as it was: sentences for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from farm.manifest import Environment, Manifest, ModelFacts
from farm.params.checks.plugins import CHOICE
from farm.sentences import Sentence, sentence

#: What says what becomes of a render and its files, and nothing of its pixels.
_NO_PIXELS = frozenset({*CHOICE, "stop_at_step", "keep_latents"})
NEIGHBOURS = sentence("a step cache decided by what its neighbours contained too, which no manifest keeps")
NOT_ITS_FILE = sentence("the stored file is not the one that the manifest tells of")


def environment_differences(
    then: Environment, now: Environment, *, model_then: ModelFacts, model_now: ModelFacts
) -> list[Sentence]:
    """What rendered it: versions, device, threads, precision, weights."""
    found = [
        _told(name, then.versions.get(name, "none"), version)
        for name, version in now.versions.items()
        if then.versions.get(name) != version
    ]
    if then.device != now.device:
        found.append(_told(sentence("device"), then.device, now.device))
    if then.torch_threads != now.torch_threads:
        found.append(_told(sentence("torch threads"), then.torch_threads, now.torch_threads))
    if model_then.precision != model_now.precision:
        found.append(_told(sentence("precision"), model_then.precision, model_now.precision))
    if model_then.weight_sha256 != model_now.weight_sha256:
        found.append(sentence("the weights are not the same files"))
    return found


def cropper_difference(then: str | None, now: str | None) -> list[Sentence]:
    """Who cropped it; a manifest of before this was noted says nothing."""
    if then in (None, now):
        return []
    return [sentence("cropped by %(then)s then, by %(now)s now", then=then, now=now or sentence("nobody"))]


def manifest_differences(then: Manifest, now: Manifest) -> list[Sentence]:
    """Of two renders of the same: what rendered each, in which batch, and whether the same was asked for at all."""
    found = environment_differences(then.environment, now.environment, model_then=then.model, model_now=now.model)
    found += cropper_difference(then.cropped_by, now.cropped_by)
    if then.farm_version != now.farm_version:
        found.append(_told(sentence("version of the farm"), then.farm_version, now.farm_version))
    found += [*_parameters(then.parameters, now.parameters), *_batching(then, now)]
    if shared_step_cache(then) or shared_step_cache(now):
        found.append(NEIGHBOURS)
    return found


def shared_step_cache(manifest: Manifest) -> bool:
    """Whether what its neighbours contained had a part in the output: a step cache decides for all rows of a pass."""
    return bool(manifest.parameters.get("step_cache")) and any(step.batch_size > 1 for step in manifest.steps)


def _batching(then: Manifest, now: Manifest) -> Iterator[Sentence]:
    if _passes(then) != _passes(now):
        sizes = [", ".join(map(str, _sizes(one))) for one in (then, now)]
        if sizes[0] == sizes[1]:
            yield sentence("it was not in the same rows of batches of the same sizes")
        else:
            yield _told(sentence("renders in a batch"), *sizes)


def _parameters(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Sentence]:
    for name in [*then, *(name for name in now if name not in then)]:
        if name not in _NO_PIXELS and then.get(name) != now.get(name):
            yield sentence("the parameter %(name)s is another one, as this farm reads the request now", name=name)


def _passes(manifest: Manifest) -> list[tuple[int, int, int]]:
    steps = [(step.batch_size, step.row, step.guided) for step in manifest.steps]
    return [*steps, (manifest.decode_batch_size, manifest.decode_row, 0)]


def _sizes(manifest: Manifest) -> list[int]:
    return sorted({step.batch_size for step in manifest.steps} | {manifest.decode_batch_size})


def _told(name: str, then: object, now: object) -> Sentence:
    return sentence("%(name)s: %(then)s then, %(now)s now", name=name, then=str(then), now=str(now))
