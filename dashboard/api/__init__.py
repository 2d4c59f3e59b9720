"""The HTTP API, version 1: one endpoint per file, put together in `blueprint`.

Every endpoint needs a key or a session (dashboard.auth), answers with a model of dashboard.schemas, and says what is
wrong as a problem document (dashboard.problems).
"""
