"""IPTC's digital source type: that a picture was made by a model, in the words that sites and newsrooms read."""

from collections.abc import Mapping
from typing import Any

#: https://cv.iptc.org/newscodes/digitalsourcetype/
_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
#: "Created using Generative AI".
GENERATED = f"{_TERMS}trainedAlgorithmicMedia"
#: "Edited using Generative AI": a picture that somebody brought is in it.
EDITED = f"{_TERMS}compositeWithTrainedAlgorithmicMedia"
#: Of XMP, where the property is called DigitalSourceType (IPTC Photo Metadata Standard 2023.1, IPTC Extension).
NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

#: Parameters that name a picture whose pixels an output begins or ends with. What only leads it is not among them.
#: A mask says what of a clip is kept.
_PICTURES_WITHIN = ("image", "last_image", "mask", "mask_video")


def source_type_of(parameters: Mapping[str, Any]) -> str:
    """The term for a render with these parameters."""
    within = any(parameters.get(name) is not None for name in _PICTURES_WITHIN)
    first = parameters.get("video")  # a picture is the first frame; a clip without a mask only leads
    return EDITED if within or (first is not None and "frames" not in first) else GENERATED
