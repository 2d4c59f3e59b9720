"""Fork servers: processes that have imported much, once, and fork others, which share that memory and begin at once."""
