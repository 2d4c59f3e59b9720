"""The verbs of the `farm` command that need nothing above `farm`: one module each, with `register(app)`."""
