"""What all processes of the dashboard count together in Redis; while that is away, each counts in its own memory."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import RateLimiter

from farm.redis_connection import Wire, connect

Limiter = TypeVar("Limiter", bound=RateLimiter)
Answer = TypeVar("Answer")


class SharedLimiter(Generic[Limiter]):
    """A limiter of one strategy, in both places."""

    def __init__(
        self,
        strategy: Callable[[Storage], Limiter],
        redis_url: str | None,
        ca_file: str | None,
        *,
        purpose: str,
        prefix: str,
    ) -> None:
        """`purpose` is what the log calls the connection, `prefix` what its keys begin with."""
        self._strategy = strategy
        self._wire = Wire(redis_url, purpose, ca_file)
        self._shared: Limiter | None = None
        if redis_url is not None:
            pool = connect(redis_url, ca_file).connection_pool
            storage = RedisStorage("redis://given-by-the-pool", connection_pool=pool, key_prefix=prefix)
            self._shared = strategy(storage)

    @cached_property
    def memory(self) -> Limiter:
        """That of this process."""
        # It starts a thread, and the application is made before the processes are that serve it.
        return self._strategy(MemoryStorage())

    def ask(self, question: Callable[[Limiter], Answer]) -> Answer:
        """What the shared limiter answers, or while Redis is away that of this process."""
        if (shared := self._shared) is not None:
            found: tuple[Answer] | None = self._wire.ask(lambda _: (question(shared),), None)
            if found is not None:
                return found[0]
        return question(self.memory)
