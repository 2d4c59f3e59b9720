"""What a request needs from its application: the farm's connections and the pump of live pages."""

from typing import TYPE_CHECKING, cast

from flask import current_app

from farm.connections import Connections

if TYPE_CHECKING:
    from dashboard.events import Pump

CONNECTIONS = "latent_farm"
PUMP = "latent_farm_pump"


def farm() -> Connections:
    """The connections that the application was made with."""
    return cast(Connections, current_app.extensions[CONNECTIONS])


def pump() -> "Pump":
    """Who tells live pages what changed."""
    return cast("Pump", current_app.extensions[PUMP])


def now() -> float:
    """Seconds since 1970 by the farm's clock."""
    return farm().clock()
