"""The pictures that a render starts from or is steered by, as the worker laid them beside its order."""

from PIL import Image

from workers.families.base import Prepared, Refused


def picture_of(prepared: Prepared, name: str) -> Image.Image:
    """The picture that the parameter of that name asks for, in RGB.

    Raises:
        Refused: it does not lie where the order says, or is no picture.
    """
    path = prepared.order.inputs.get(name)
    if path is None:
        raise Refused(f"the order came without the picture '{name}' that its parameters ask for")
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise Refused(f"the picture '{name}' cannot be read: {error}") from error
