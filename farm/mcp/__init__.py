"""The farm as tools for language models (Model Context Protocol), over its HTTP API: `farm mcp`."""
