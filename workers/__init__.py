"""What renders: the Celery worker, the engine and the model families."""
