"""Scripts of an older version go on working, and are warned."""

from typing import Any

import pytest

from farm.client import FarmClient
from tests.farm.scripted_farm import KEY


def test_an_older_keyword_is_taken_with_a_warning() -> None:
    older: dict[str, Any] = {"patience": 7.0}
    with pytest.warns(DeprecationWarning, match="patience is now called retry_seconds") as warned:
        client = FarmClient("http://127.0.0.1:9", KEY, **older)
    assert client._retry_seconds == 7.0
    assert warned[0].filename == __file__
    client.close()
