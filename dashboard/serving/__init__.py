"""What stands around the requests of a process: threads for what computes or reads SQLite, limits, slow clients."""
