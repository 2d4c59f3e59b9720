"""What may be in each field of a request: pure checks, from plain values to a value and what is wrong."""
