"""Files that no row and no job at work knows: found and removed, a page at a time or at once."""
