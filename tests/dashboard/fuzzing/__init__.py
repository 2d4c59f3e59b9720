"""How schemathesis is set up: its configuration, and which calls would end the run itself."""
