"""Who removes old files: of jobs kept long enough, of uploads and checkpoints, and those that no row knows."""
