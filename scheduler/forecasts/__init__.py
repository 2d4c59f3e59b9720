"""When work starts and ends, and why it waits."""
