"""The files of renders: outputs, manifests, pictures and clips, contact sheets."""
