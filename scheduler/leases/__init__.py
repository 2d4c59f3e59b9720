"""Who holds a running render, how it ends, and what follows for its job and its flow."""
