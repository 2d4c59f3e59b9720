"""The weights of a file by the names that a model of diffusers has for them: all of these, and no others.

The library drops what it does not know with a warning, and takes what is not there for what was drawn by chance.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from torch import Tensor

from workers.model_files.weights import BadWeights
from workers.pipelines.sana_names import rename_sana
from workers.pipelines.wan_names import rename_wan

#: What tools put before all names of a transformer.
_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.")
_SANA, _WAN = ("SanaTransformer", "SanaVideoTransformer"), "Wan"


def under_own_names(
    tensors: Mapping[str, Tensor], model: Any, config: Mapping[str, Any], place: Path
) -> dict[str, Tensor]:
    """The tensors by diffusers' own names, which are exactly those of the model. Raises BadWeights."""
    found = _without_prefix(tensors)
    wanted = set(model.state_dict())
    # One that is lacking makes diffusers' own names no others.
    if 2 * len(wanted & found.keys()) < len(wanted):
        try:
            found = _renamed(found, model, config, place)
        except (KeyError, IndexError, ValueError) as error:
            raise BadWeights(f"{place} is no {type(model).__name__}: {type(error).__name__}: {error}") from error
    ignored = model._keys_to_ignore_on_load_unexpected or ()  # as the class says itself
    found = {
        name: tensor
        for name, tensor in found.items()
        if name in wanted or not any(re.search(each, name) for each in ignored)
    }
    missing, foreign = sorted(wanted - found.keys()), sorted(found.keys() - wanted)
    if missing or foreign:
        said = [f"lacks {len(missing)} weights, as {missing[0]}"] if missing else []
        said += [f"has {len(foreign)} that are not in it, as {foreign[0]}"] if foreign else []
        raise BadWeights(f"{place} is not the {type(model).__name__} of its config.json: it {' and '.join(said)}")
    return found


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Others than those with the prefix are other parts of the same checkpoint: text encoder, VAE."""
    for prefix in _PREFIXES:
        own = {name.removeprefix(prefix): found for name, found in tensors.items() if name.startswith(prefix)}
        if own:
            return own
    return dict(tensors)


def _renamed(tensors: dict[str, Tensor], model: Any, config: Mapping[str, Any], place: Path) -> dict[str, Tensor]:
    kind = type(model).__name__
    if kind.startswith(_SANA):
        return rename_sana(tensors, model)
    known = SINGLE_FILE_LOADABLE_CLASSES.get(kind)
    if known is None:
        raise BadWeights(f"{place}: nothing here can convert a {kind} from another tool's names")
    if kind.startswith(_WAN):
        return rename_wan(tensors, model)
    converted: dict[str, Tensor] = known["checkpoint_mapping_fn"](config=config, checkpoint=tensors)
    return converted
