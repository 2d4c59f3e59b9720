"""Webhooks: what there is to tell of jobs, whom, and how it gets there."""
