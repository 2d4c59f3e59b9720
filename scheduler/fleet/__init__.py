"""Which lanes, pools and workers there are, what is known of each, and how they are told."""
