"""A request as it is sent: its body, seeds, prompts, templates and sweeps, read with every fault at once."""
