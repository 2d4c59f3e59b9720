"""The database's schema: which revision it has, and how it comes to the newest one."""
