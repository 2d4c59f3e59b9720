"""A job as a grid: what its renders differ in, and which of them stand in which row and column."""
