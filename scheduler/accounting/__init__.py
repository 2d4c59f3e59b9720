"""What work costs, and what a project may have: quotas, usage, prices."""
