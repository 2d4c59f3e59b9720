"""Who renders what: workers, pools, and the models of the catalog."""

from __future__ import annotations

from farm.client.connection.transport import Transport, api_path
from farm.client.lists import whole_list
from farm.client.replies import Model, Pool, Worker


class Fleet:
    """The workers of a farm and what they serve, read as it is now."""

    _transport: Transport

    def workers(self) -> list[Worker]:
        """The workers that the farm knows."""
        return whole_list(self._transport, Worker, api_path("workers"))

    def models(self) -> list[Model]:
        """The models of the catalog, and what each accepts."""
        return whole_list(self._transport, Model, api_path("models"))

    def pools(self) -> list[Pool]:
        """The pools, and which model each serves."""
        return whole_list(self._transport, Pool, api_path("pools"))
