"""The systems that are compared: how each is started, given pictures, watched, killed and stopped."""
