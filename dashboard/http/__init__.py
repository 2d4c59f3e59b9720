"""What HTTP asks of every request: bodies, headers, limits."""
