"""What a model needs of memory and what fits where, from its description alone: no weights, no GPU, no network."""
