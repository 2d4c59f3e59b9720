"""`farm doctor`: everything that this node needs is contacted and tried, and what is wrong is told with what to do."""
