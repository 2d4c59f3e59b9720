"""Addresses of the API that are made of what a person typed."""

import pytest

from farm.client import FarmClient
from farm.client.connection.transport import api_path
from farm.errors import InvalidRequest


def test_what_was_typed_stays_one_part() -> None:
    assert api_path("jobs", "../x y") == "/api/v1/jobs/%2E%2E%2Fx%20y"


def test_an_empty_id_is_called_one_and_nothing_is_asked_of_the_farm() -> None:
    """As of a shell's variable that is not set; /jobs//why would be another address."""
    with FarmClient("http://127.0.0.1:1", "lf_x") as farm:
        for ask in (farm.why, farm.cancel, farm.job):
            with pytest.raises(InvalidRequest, match="/id: must not be empty"):
                ask("")
