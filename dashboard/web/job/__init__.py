"""The page of a job: its list or its grid, and the buttons that change it."""
