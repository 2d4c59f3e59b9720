"""What Prometheus reads of the whole farm, from SQL and Redis, at each scrape."""
