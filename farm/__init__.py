"""What every part of the farm shares: settings, catalog, tables, states, storage, broker, client."""
