"""Render again what was rendered, and compare: `farm verify`."""
