"""The process that renders: it loads the model once, and steps batch after batch until its parent is gone."""
