"""What every part of the farm shares: settings, catalog, tables, states, storage, broker, client."""

from importlib.metadata import version

__version__ = version("latent-farm")
