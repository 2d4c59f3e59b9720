"""SQL that the dashboard reads, a file for each subject. Nothing here writes, and nothing here knows the time.

Every function takes a connection inside a transaction and costs a fixed number of statements, however many rows
there are. What belongs to a project is only ever found through that project's id.
"""
