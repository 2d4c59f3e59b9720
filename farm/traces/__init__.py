"""What became of a job, from its submission to the uploads, as spans of OpenTelemetry."""
