"""What every part of the farm shares: settings, catalog, tables, states, storage, broker, client."""

from typing import TYPE_CHECKING

__version__: str

if not TYPE_CHECKING:  # or any attribute would be there for mypy

    def __getattr__(name: str) -> str:
        """The version, when somebody asks: the readers of metadata are half of what a process of one upload imports."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import version

        return version("latent-farm")
