"""Requests as they come in: JSON bodies, refused before anything looks at them."""

import hashlib
from functools import partial
from typing import Any

from flask import request

from dashboard.context import farm
from dashboard.problems import UnsupportedMediaType
from farm.cpu_work import QUICK_BYTES
from farm.params.request.body import parse_json_body


def read_json() -> Any:
    """The body as JSON values.

    Raises UnsupportedMediaType when it is not declared as JSON, and what `farm.params.request.body.parse_json_body`
    raises.
    """
    if not request.is_json:
        seen = ascii(request.mimetype[:80]) if request.mimetype else "no Content-Type"
        raise UnsupportedMediaType(
            f"Send the body as JSON, with the header 'Content-Type: application/json'; seen: {seen}."
        )
    raw = request.get_data(cache=True)
    parse = partial(parse_json_body, raw, farm().settings.max_body_bytes)
    return parse() if len(raw) <= QUICK_BYTES else farm().cpu_work(parse)


def body_sha256() -> str:
    """The hash by which the same submission is recognised when it is sent again."""
    return hashlib.sha256(request.get_data(cache=True)).hexdigest()
