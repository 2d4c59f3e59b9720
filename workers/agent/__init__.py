"""The worker's parent process: it claims, feeds the engine, uploads and settles. Never loads torch."""
