"""What decides: admission, fair share, claims, leases, the supervisor's duties."""
