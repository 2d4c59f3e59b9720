"""The verbs that show, fetch and share what was rendered."""
