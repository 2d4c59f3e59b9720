"""What outputs say of where they come from: IPTC's digital source type, and content credentials of C2PA.

`source_type` has the terms, `rules` what is otherwise for single projects, `certificate` what signs and how long it is
good, `credentials` the signing itself, by c2pa-python (`latent-farm[credentials]`), which nothing else here imports.
"""
