"""How the commands speak to people and to machines: tables, progress bars, JSON, exit codes."""
