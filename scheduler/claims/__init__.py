"""How a worker gets its next batch: whose head it is, what goes with it, what joins later."""
