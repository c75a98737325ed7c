"""Journal: facts and decisions to disk and back.

In: events without a number, decisions as bytes. Out: the same events, numbered and durable; replay.
Holds: one writer gives every number; a later edit of the file is found; what was acknowledged is on disk.
"""
