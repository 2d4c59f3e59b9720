"""Files over the API: downloads under names of their own, and inputs that are uploaded."""
