"""The page of the gallery: thumbnails, filters in the address, marks."""
