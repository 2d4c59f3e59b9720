"""Families of models: how one kind prepares, encodes, steps and decodes. Found by name in `latent_farm.families`."""
