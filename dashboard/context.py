"""What a request needs from its application: the farm's connections."""

from typing import cast

from flask import current_app

from farm.connections import Connections

CONNECTIONS = "latent_farm"


def farm() -> Connections:
    """The connections that the application was made with."""
    return cast(Connections, current_app.extensions[CONNECTIONS])


def now() -> float:
    """Seconds since 1970 by the farm's clock."""
    return farm().clock()
