"""The pages in other languages: which there are, which a request gets, and how one is chosen."""
