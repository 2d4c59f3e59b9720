"""What people decide about work that was admitted: cancel, pause, retry, reorder. It acts at once, at any point.

Every function commits what it did and then tells workers and watchers. What touches many renders goes in chunks,
each a transaction of its own with its own event; called again after a crash in the middle, it does the rest.
"""
