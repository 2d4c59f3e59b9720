"""Fair share."""
