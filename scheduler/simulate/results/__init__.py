"""What a simulation says: figures, fairness, the lower bound of its costs; and as tables, plots or a page."""
