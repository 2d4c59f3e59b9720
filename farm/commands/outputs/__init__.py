"""The commands that show, fetch and share what was rendered."""
