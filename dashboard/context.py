"""What a request needs from its application: the farm's connections."""

from typing import cast

from flask import current_app

from farm.connections import Connections
from farm.cpu_work import CpuWork

CONNECTIONS = "latent_farm"
#: Where passwords are hashed.
PASSWORDS = "latent_farm_passwords"
#: After so many seconds a request that asks for the time holds the clock against the database's again.
TRUSTED_SECONDS = 10.0


def farm() -> Connections:
    """The connections that the application was made with."""
    return cast(Connections, current_app.extensions[CONNECTIONS])


def now() -> float:
    """Seconds since 1970 by the farm's clock."""
    return farm().measured_time(older_than=TRUSTED_SECONDS)


def password_work() -> CpuWork:
    """Where passwords are hashed: beside what projects have computed, so that neither waits for the other."""
    return cast(CpuWork, current_app.extensions[PASSWORDS])
