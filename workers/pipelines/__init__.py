"""From a catalog entry to a loaded pipeline: precision, offloading, compilation, shards."""
