"""The desk as it was: a process beside it that takes the journal again, finds records, and answers as the dashboard of a moment.

In: a journal, also one that is still written. Out: frames, pages and records. Holds: nothing here writes, and nothing waits for it.
"""
