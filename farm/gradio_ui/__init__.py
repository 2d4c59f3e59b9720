"""A page to try a farm's models on, made with Gradio, over its HTTP API: `farm demo-ui`."""
