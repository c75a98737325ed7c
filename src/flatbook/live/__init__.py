"""Live: the clocks, tasks and queues around the core, and what a reader is shown of it.

In: what feeds, venues and operators say, from sockets and files. Out: commands to venues, and immutable snapshots.
Holds: nothing leaves before what caused it is durable; executions and what an operator says are never dropped.
"""
