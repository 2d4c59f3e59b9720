"""Whether a render came out again as it was: the newest second render of it, and how the two compare."""
