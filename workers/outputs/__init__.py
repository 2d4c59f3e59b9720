"""From pixels to files: pictures, videos, embedded metadata, the manifest, plugins."""
