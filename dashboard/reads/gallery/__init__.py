"""Finished renders of all jobs of a project: listed, searched, and what people said of them."""
