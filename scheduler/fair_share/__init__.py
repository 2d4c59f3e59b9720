"""Whose turn it is: virtual times of classes and flows, and the charges that move them."""
