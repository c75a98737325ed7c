"""LEAN recordings to be told again.

In: a day of quote bars as columns. Out: a recording, minute by minute.
Holds: a bar is known at its end; what was quoted before the open stands at the open.
"""
