"""What runs in the background: the supervisor, and its duties, one a file."""
