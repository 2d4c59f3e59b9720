"""The demo models: real pipeline classes with tiny weights, and everything that trains and measures them."""
