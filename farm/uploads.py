"""Files that people upload for their renders: pictures to start from, and adapters (LoRA). Looked at, then stored."""

from dataclasses import dataclass

from farm.adapter_files import AdapterFacts, read_adapter
from farm.errors import TooLarge
from farm.params.base import ADAPTER_SUFFIX
from farm.pictures import CONTENT_TYPE, clean_picture
from farm.settings import Settings

#: Of a file that is no picture: nobody is to open it in a browser.
ADAPTER_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Upload:
    """A file as it will be stored: a picture with its width and height in pixels, or an adapter and what it holds."""

    data: bytes
    content_type: str
    suffix: str
    width: int | None = None
    height: int | None = None
    adapter: AdapterFacts | None = None


def read_upload(name: str, data: bytes, settings: Settings) -> Upload:
    """What was sent: an adapter where its name or its first bytes say so, else a picture.

    Raises TooLarge or InvalidRequest for what is neither, or no good one.
    """
    # A JSON object behind the eight bytes of its length: no picture begins so.
    if name.lower().endswith(ADAPTER_SUFFIX) or data[8:9] == b"{":
        return _adapter(data, settings.max_adapter_bytes)
    picture = clean_picture(data, most_bytes=settings.max_input_bytes, most_pixels=settings.max_input_pixels)
    return Upload(picture.data, CONTENT_TYPE, ".png", picture.width, picture.height)


def _adapter(data: bytes, most_bytes: int) -> Upload:
    if len(data) > most_bytes:
        raise TooLarge(f"the adapter has {len(data):,} bytes and this farm accepts {most_bytes:,}; send a smaller one")
    facts = read_adapter(data)
    return Upload(data, ADAPTER_TYPE, ADAPTER_SUFFIX, adapter=facts)
