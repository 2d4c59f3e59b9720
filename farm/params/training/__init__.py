"""Training of a LoRA as a render: what may be asked, and what the render keeps of it."""
