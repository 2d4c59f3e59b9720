"""How a request gets in: it is checked, priced, and becomes a job and its renders in one transaction."""
