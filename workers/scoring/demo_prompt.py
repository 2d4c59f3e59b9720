"""The scorer `prompt`: what of a demo model's prompt is to be seen. An example of a checker in the way of GenEval."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from PIL import Image

from farm.demo.checker import check_clip, check_picture
from farm.demo.prompts import NoScene, scene_of
from farm.sentences import sentence
from workers.outputs.encode import Pixels
from workers.outputs.plugins import CannotScore


class DemoPrompt:
    """The share, 0 to 1, of the attributes a prompt asks for that are as asked.

    As GenEval (D. Ghosh et al., NeurIPS 2023) does for real models, it reads what should be there from the prompt,
    looks for it in the pixels, and says attribute by attribute whether it is there: shape, colour, background, place
    and size of pictures; shape, colour, background and motion of clips. It knows the demo world alone
    (`farm.demo.checker`), and needs no weights.
    """

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """pixels: (height, width, 3) or (frames, height, width, 3). Raises CannotScore."""
        try:
            scene = scene_of(str(parameters["prompt"]))
        except NoScene as error:
            raise CannotScore(str(error)) from error
        if pixels.ndim == 4:
            check: Any = check_clip([Image.fromarray(frame) for frame in pixels], scene)
        else:
            check = check_picture(Image.fromarray(pixels), scene)
        asked = [field.name for field in fields(check) if getattr(scene, field.name) is not None]
        if not asked:
            raise CannotScore(f"its prompt asks only for what a {_kind(pixels)} does not have")
        return sum(bool(getattr(check, name)) for name in asked) / len(asked)


def _kind(pixels: Pixels) -> str:
    return sentence("clip") if pixels.ndim == 4 else sentence("picture")
