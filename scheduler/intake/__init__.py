"""Streams: jobs whose renders come in row by row, in chunks, so that anybody can go on after a crash.

`split_records` cuts bytes into records, `records` reads them, `seeds` draws, `open_stream` makes the job and tells how
far it is, `append_chunk` admits a chunk, `seal_stream` ends it, `read_stream` puts them together.
"""
