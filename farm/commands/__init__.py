"""The commands under `farm` that need nothing above this package: one module each, with `register(app)`."""
