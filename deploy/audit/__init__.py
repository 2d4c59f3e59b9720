"""`make audit`: what is known of everything that locks/ names, its holes and licences, and lists of parts (SBOM)."""
