"""How large a batch may be, by time and by memory, and when a running one gives way."""
