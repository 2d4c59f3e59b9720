"""What a farm has, one kind of thing a file, with the calls of the client about it; `FarmClient` has them all."""
