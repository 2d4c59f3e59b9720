"""The submit form: its fields, and what was typed as the request that the API would get."""
