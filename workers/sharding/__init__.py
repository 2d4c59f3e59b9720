"""One model on several devices. The engine and the families do not know: they call the transformer as ever.

layers            one process; blocks lie one after the other on its devices               layer_placement.py
weights           a group of ranks; each keeps a part of every block (FSDP2)               parallelism.py
sequence          a group of ranks; each attends with a part of the heads, or in a ring    parallelism.py

The engine's process is rank 0: it alone speaks to the worker, encodes, samples and decodes. The other ranks
(rank.py) are its children, hold a transformer each, and run every pass that rank 0 runs (group.py).
"""
