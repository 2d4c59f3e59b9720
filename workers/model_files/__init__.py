"""A model's files: which are read, where they come from, whether they are what they should be. Needs no torch."""
