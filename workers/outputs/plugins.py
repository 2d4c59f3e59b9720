"""What plugins do to outputs: change them, score them, refuse them. Their faults are told as theirs.

An output passes them once, between the engine and the encoder: :class:`OutputPlugins`. What comes after works on what
they made of it, and runs none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from farm.errors import Fault, SettingsError
from farm.plugins import PluginKind, PluginMissing, load_plugin, plugin_version
from farm.scorers import is_deferred
from workers.outputs.encode import Pixels


class PostProcessor(Protocol):
    """Changes an output before it is stored."""

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> Pixels:
        """uint8, (height, width, 3) or (frames, height, width, 3), to the same kind; sizes may differ."""
        ...


class Scorer(Protocol):
    """Says how good an output is."""

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """Any finite number; larger is better. Raises CannotScore for an output that it has nothing to say of."""
        ...


class SafetyChecker(Protocol):
    """Says whether an output may be stored."""

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> str | None:
        """Why not, as a clause for people; None: it may."""
        ...


class PluginFailed(RuntimeError):
    """A plugin raised, or gave something else than it must; the message names it."""


class CannotScore(ValueError):
    """A scorer has nothing to say of this output; the message says why, as a clause for people."""


class NotAllowed(ValueError):
    """The farm's safety checker does not let this output be stored; the message says why."""


@dataclass(frozen=True)
class Shown:
    """An output as its plugins leave it: what is encoded, and what its manifest says of them."""

    pixels: Pixels
    score: float | None = None  # None: the render has no scorer
    versions: Mapping[str, str] = field(default_factory=dict)  # plugin → the package that brings it, and its version
    objection: str | None = None  # what the safety checker said of it, where such outputs are only marked


class OutputPlugins:
    """The plugins of a farm and of its renders.

    Raises SettingsError when nobody brings the `safety_checker`, or it cannot be loaded: no worker renders what nobody
    could look at. With `marks` what it objects to is let through, and says so.
    """

    def __init__(self, safety_checker: str | None, *, marks: bool = False) -> None:
        if safety_checker is not None:
            try:
                load_plugin(PluginKind.SAFETY_CHECKER, safety_checker)
            except PluginMissing as error:
                raise SettingsError([Fault("FARM_SAFETY_CHECKER", str(error))]) from error
        self._safety_checker = safety_checker
        self._marks = marks

    def show(self, pixels: Pixels, parameters: Mapping[str, Any]) -> Shown:
        """What is shown of a finished render: after its post-processors, let through, and scored.

        Raises NotAllowed when the safety checker objects, PluginMissing or PluginFailed for any plugin.
        """
        shown = post_process(pixels, parameters)
        objection = self._look(shown, parameters)
        return Shown(shown, score(shown, parameters), versions_of(parameters), objection)

    def show_draft(self, pixels: Pixels, parameters: Mapping[str, Any]) -> Shown:
        """What is shown of a draft: as the engine made it, let through; raises as :meth:`show`."""
        return Shown(pixels, objection=self._look(pixels, parameters))

    def _look(self, pixels: Pixels, parameters: Mapping[str, Any]) -> str | None:
        try:
            check_safety(self._safety_checker, pixels, parameters)
        except NotAllowed as objection:
            if not self._marks:
                raise
            return str(objection)
        return None


def post_process(pixels: Pixels, parameters: Mapping[str, Any]) -> Pixels:
    """What the render's post-processors make of its pixels, one after the other.

    Raises PluginMissing or PluginFailed.
    """
    for name in parameters.get("post_processors") or []:
        made = _call(PluginKind.POST_PROCESSOR, name, pixels, parameters)
        right = isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.ndim == pixels.ndim
        if not right or made.shape[-1] != 3:
            raise PluginFailed(f"the post-processor {name!r} gave no uint8 array of {pixels.ndim} axes, the last of 3")
        pixels = made
    return pixels


def score(pixels: Pixels, parameters: Mapping[str, Any]) -> float | None:
    """What the render's scorer says of its pixels; None if it has none, if `farm scorer` will score it, or cannot be.

    Raises PluginMissing or PluginFailed.
    """
    name = parameters.get("scorer")
    if name is None or is_deferred(name):
        return None
    try:
        return score_with(name, pixels, parameters)
    except CannotScore:
        return None


def score_with(name: str, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
    """What a scorer says of these pixels. Raises CannotScore, PluginMissing or PluginFailed."""
    said = _call(PluginKind.SCORER, name, pixels, parameters)
    try:
        value = float(said)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise PluginFailed(f"the scorer {name!r} gave {said!r:.80}, which is no finite number")
    return value


def check_safety(checker: str | None, pixels: Pixels, parameters: Mapping[str, Any]) -> None:
    """Raise NotAllowed when the farm has a safety checker and it objects; PluginMissing or PluginFailed."""
    if checker is not None and (reason := _call(PluginKind.SAFETY_CHECKER, checker, pixels, parameters)) is not None:
        raise NotAllowed(f"the safety checker {checker!r} objects: {reason!s:.300}")


def versions_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Who brings the plugins of a render, by name. Raises PluginMissing."""
    found = dict.fromkeys(parameters.get("post_processors") or [], PluginKind.POST_PROCESSOR)
    scorer = parameters.get("scorer")
    found |= {scorer: PluginKind.SCORER} if scorer and not is_deferred(scorer) else {}
    return {name: plugin_version(kind, name) for name, kind in found.items()}


def _call(kind: PluginKind, name: str, pixels: Pixels, parameters: Mapping[str, Any]) -> Any:
    plugin = load_plugin(kind, name)
    given = pixels.view()
    given.flags.writeable = False  # one that wrote into it would change what others see
    try:
        return plugin(given, dict(parameters))
    except CannotScore:
        raise
    except Exception as error:
        raise PluginFailed(f"the {kind.word} {name!r} raised {type(error).__name__}: {error}") from error
