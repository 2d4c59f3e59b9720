"""How a farm is spoken to: its address, the authorities that are trusted, requests that are tried again."""
