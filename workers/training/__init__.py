"""A LoRA is trained as a render is made: pass by pass, in the engine, beside other renders."""
