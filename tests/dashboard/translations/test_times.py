"""A time is written as the reader's language writes it, with all that belongs to it."""

import pytest

from dashboard.times import moment
from tests.dashboard.conftest import House


@pytest.mark.parametrize(("language", "written"), [("en-GB", "2026-12-07 01:05"), ("zh-CN", "2026年12月7日 01:05")])
def test_a_time_is_written_as_its_language_writes_it(house: House, language: str, written: str) -> None:
    with house.client.application.test_request_context(headers={"Accept-Language": language}):
        assert moment("2026-12-07T01:05:59.123Z") == written
