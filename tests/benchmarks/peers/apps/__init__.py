"""What runs inside the peers, each in an environment of its own: one pipeline, PNG, S3, a row of status."""
