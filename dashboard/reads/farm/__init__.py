"""What the farm page reads beside pools and workers."""
