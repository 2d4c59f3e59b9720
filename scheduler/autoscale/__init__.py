"""How many workers a pool should have: the policy, the duty that applies it, and who starts and stops them."""
