"""All outputs of a job in one ZIP file, made while it is sent."""
