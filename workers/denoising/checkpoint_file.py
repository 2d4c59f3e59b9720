"""How far a render is, as one file: latents, sampler and random state as safetensors, the rest as JSON beside them.

A render that goes on from one gives, in passes of the same sizes, the bits of one that was never interrupted. What
follows from the parameters alone (embeddings, the sampler's schedule) is made again and not stored.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from farm.file_errors import system_error
from workers.denoising.track import Track
from workers.protocol import EngineFacts, RenderOrder, StepTrace

FORMAT = 1
#: Parameters that change nothing of what has been rendered so far.
_NOT_THE_PICTURE = ("stop_at_step",)
#: What a sampler, or a training in its place, has of the parameters: it is made again.
_FOLLOWS = ("_internal_dict", "plan", "known")
#: Before the names of what came out of former segments; in host memory, from where the family takes it.
_DONE = "done."


class BadCheckpoint(ValueError):
    """This file is no state of this render on these weights; the message says why."""


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds. `state` are the sampler's attributes, where a tensor is named by {"tensor": key}."""

    step: int
    steps: int
    trace: list[StepTrace]
    sampler: str  # the class
    state: dict[str, Any]
    tensors: dict[str, Tensor]

    def put_into(self, track: Track) -> None:
        """Make a track that has just been started be where the saved one was. Raises BadCheckpoint."""
        if type(track.sampler).__name__ != self.sampler:
            raise BadCheckpoint(f"it was saved with {self.sampler}, and the sampler is {type(track.sampler).__name__}")
        if track.steps != self.steps or track.latents.shape != self.tensors["latents"].shape:
            raise BadCheckpoint(
                f"it holds step {self.step} of {self.steps} for latents of {tuple(self.tensors['latents'].shape)}, and "
                f"the render has {track.steps} steps for {tuple(track.latents.shape)}"
            )
        track.latents = self.tensors["latents"].to(track.latents.device)
        track.denoised = self.tensors["denoised"].to(track.latents.device) if "denoised" in self.tensors else None
        track.generator.set_state(self.tensors["generator"])
        for name, value in self.state.items():
            setattr(track.sampler, name, self._unfold(value, getattr(track.sampler, name, None), track.latents))
        track.done = {
            name.removeprefix(_DONE): tensor for name, tensor in self.tensors.items() if name.startswith(_DONE)
        }
        track.step = track.first_step = self.step
        track.trace = list(self.trace)
        if track.stop is not None and track.step >= track.stop:
            # Nobody has seen the draft yet, or the order would not ask for it any more.
            if track.step > track.stop or "expected" not in self.tensors:
                raise BadCheckpoint(f"the render stops after {track.stop} passes, and it holds no draft of that place")
            track.predicted_clean = self.tensors["expected"].to(track.latents.device)

    def _unfold(self, value: Any, present: Any, latents: Tensor) -> Any:
        """An attribute of the sampler. What it remembers of former steps lies where the latents are; what it had from
        the beginning, where it has it now: schedules stay on the CPU.
        """
        if isinstance(value, list):
            return [self._unfold(part, None, latents) for part in value]
        if isinstance(value, dict):
            tensor = self.tensors[value["tensor"]]
            if isinstance(present, Tensor):
                return tensor.to(present.device)
            return tensor.to(latents.device) if tensor.dim() == latents.dim() else tensor
        return value


def save(track: Track, path: Path, weights: str) -> None:
    """Write where a track is; the file appears whole or not at all.

    weights: of `weights_of`. Raises OSError where it cannot be written, and TypeError for a sampler that keeps what
    no file can hold.
    """
    tensors = {"latents": track.latents, "generator": track.generator.get_state()}
    for name, tensor in (("denoised", track.denoised), ("expected", track.predicted_clean)):
        if tensor is not None:
            tensors[name] = tensor
    tensors |= {f"{_DONE}{name}": tensor for name, tensor in track.done.items()}
    state = {
        name: _fold(value, f"sampler.{name}", tensors)
        for name, value in vars(track.sampler).items()
        if name not in _FOLLOWS
    }
    about = {
        "format": FORMAT,
        "render": track.order.render_id,
        "attempt": track.order.attempt,
        "picture": picture_of(track.order),
        "weights": weights,
        "step": track.step,
        "steps": track.steps,
        "sampler": type(track.sampler).__name__,
        "state": state,
        "trace": [asdict(step) for step in track.trace],
    }
    # How each lies in memory: sums may go in that order, and round otherwise in another.
    about["layouts"] = layouts = {
        name: sorted(range(tensor.dim()), key=lambda axis, tensor=tensor: -tensor.stride(axis))  # type: ignore[misc]
        for name, tensor in tensors.items()
    }
    # A copy of each: safetensors refuses tensors that share memory, as a sampler's memory and the latents may.
    whole = {
        name: tensor.detach().permute(layouts[name]).clone(memory_format=torch.contiguous_format).cpu()
        for name, tensor in tensors.items()
    }
    draft = path.with_suffix(".part")
    try:
        save_file(whole, draft, metadata={"latent-farm": json.dumps(about)})
        os.replace(draft, path)
    except SafetensorError as error:  # what it makes of a full disk
        raise system_error(error) from error
    finally:
        draft.unlink(missing_ok=True)


def load(path: Path, order: RenderOrder, weights: str) -> Saved:
    """Read a checkpoint of this render. Raises BadCheckpoint: unreadable, of other parameters, or of other weights."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {})["latent-farm"])
            # A copy of each: sums may also depend on how memory is aligned, and a file's is not as torch's own.
            tensors = {
                name: file.get_tensor(name).clone().permute([layout.index(axis) for axis in range(len(layout))])
                for name, layout in about["layouts"].items()
            }
        if about["format"] != FORMAT:
            raise BadCheckpoint(f"its format is {about['format']}, and this worker reads {FORMAT}")
        if about["picture"] != picture_of(order):
            raise BadCheckpoint("it was saved with other parameters")
        if about["weights"] != weights:
            raise BadCheckpoint("it was saved with other weights, or in another precision")
        trace = [StepTrace(**step) for step in about["trace"]]
        return Saved(about["step"], about["steps"], trace, about["sampler"], about["state"], tensors)
    except BadCheckpoint:
        raise
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"it cannot be read: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadCheckpoint(f"it is not a checkpoint of this farm: {type(error).__name__}: {error}") from error


def weights_of(facts: EngineFacts) -> str:
    """One hash for the model's weights and precision, whatever device they are on."""
    return _hash({"precision": facts.precision, "files": facts.weight_sha256})


def picture_of(order: RenderOrder) -> str:
    """One hash for everything about an order that shapes its picture."""
    parameters = {name: value for name, value in order.parameters.items() if name not in _NOT_THE_PICTURE}
    return _hash({"parameters": parameters, "shape": [order.width, order.height, order.frames]})


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _fold(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A sampler's attribute as JSON; its tensors are added to `tensors` under names that begin with `name`."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, list | tuple):
        return [_fold(part, f"{name}.{place}", tensors) for place, part in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"the sampler's {name.removeprefix('sampler.')} is a {type(value).__name__}")
