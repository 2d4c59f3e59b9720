"""The demo world: scenes that tiny models can draw, captions for them, a checker that reads pictures back."""
