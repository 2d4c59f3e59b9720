"""The surface at /v1 that programs written for OpenAI's pictures and clips speak to, one endpoint a file.

Nothing is decided here: a request is translated into a job of ours, and submitted like any other.
"""
