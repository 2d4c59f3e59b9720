"""What the client sends: bodies, whole files, and names of earlier versions."""
