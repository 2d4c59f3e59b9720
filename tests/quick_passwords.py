"""Passwords of the tests are hashed with little memory: by the farm's own measure each takes a third of a second.

The parameters stand in each hash, so that whoever reads one, another process too, takes as little time. A test about
the time that a password takes asks for `passwords_as_shipped`.
"""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from farm import security

_SHIPPED = security._HASHER
_QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _passwords_are_hashed_quickly() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(security, "_HASHER", _QUICK)
        security._nobodys_hash.cache_clear()
        yield
    security._nobodys_hash.cache_clear()


@pytest.fixture
def passwords_as_shipped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords that are hashed from now on take as long as a farm's."""
    monkeypatch.setattr(security, "_HASHER", _SHIPPED)
    security._nobodys_hash.cache_clear()
    yield
    security._nobodys_hash.cache_clear()
