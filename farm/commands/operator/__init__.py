"""The commands of whoever runs the farm: they speak to its database, its settings and its servers, not to its API."""
