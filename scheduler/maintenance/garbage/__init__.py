"""Files whose time is over, or that no row and no job at work knows: found and removed."""
