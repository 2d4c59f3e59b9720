"""Scores of finished outputs: the scorers that come with the farm, one a file, and the process that runs them."""
