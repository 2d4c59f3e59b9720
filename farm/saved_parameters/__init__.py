"""What a picture or clip that was saved says of how it was made: this farm's, A1111's and ComfyUI's."""
