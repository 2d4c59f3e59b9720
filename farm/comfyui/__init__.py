"""Graphs of ComfyUI as requests of the farm: read, resolved to what would run there, and said as a job."""
