"""What pages tell that no single snapshot holds: P&L by its sources since the desk began, and what trades were worth a little later.

In: snapshots, as they are published. Out: sums. Holds: nothing is computed that a snapshot's cycle did not tell; the sums end at its P&L.
"""
