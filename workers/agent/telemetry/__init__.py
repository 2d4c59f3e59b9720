"""What a worker tells those who watch it: its GPUs, and the spans of its renders."""
