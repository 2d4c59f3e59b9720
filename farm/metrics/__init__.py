"""What Prometheus reads of a process: which metrics there are, who counts them, and where they are read."""
