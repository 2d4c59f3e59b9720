"""What may be in each field of a request: pure checks, from plain values and the model to a value and what is wrong; and
how families call them.
"""
