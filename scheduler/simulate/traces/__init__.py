"""What was submitted when: traces that are read from files, and traces that are made."""
