"""Files: market snapshots and fills from disk.

In: a file or a folder in a documented format. Out: unsequenced events of one instant, and notes.
Holds: no row after the instant is used; every fault names the file, the line and the column.
"""
