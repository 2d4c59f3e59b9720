"""A whole farm on one machine: real servers and the farm's own processes, kept running together."""
