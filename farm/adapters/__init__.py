"""Adapters (LoRA) as files: what they hold, whatever program wrote them, and which models take them."""
