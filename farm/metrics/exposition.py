"""A registry as bytes, in the format that a reader accepts."""

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector


def expose(registry: Collector, accept: str) -> tuple[bytes, str]:
    """The metrics and their content type. `accept`: the header of that name, whatever is in it."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # of prometheus_client 0.26, for a version that is no number
        encode, content_type = choose_encoder("")
    return encode(registry), content_type
