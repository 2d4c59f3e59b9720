"""A workflow of ComfyUI as a resolved graph: its formats, subgraphs, links and values."""
