"""The page of operators: pools and workers as they live, what waits, and what can be done about it."""
