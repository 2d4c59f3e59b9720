"""Does a render come out again as it was? What two renders of the same are held against, and what may explain it."""
