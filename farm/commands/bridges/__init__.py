"""Commands that make the farm something else: tools of a language model, a page of Gradio, a worker of an AI Horde."""
