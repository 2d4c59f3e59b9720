"""Outputs of a job, or of the gallery, in one ZIP file, made while it is sent."""
