"""Orders: what we must send so that it becomes true; the last gate before a venue.

In: wanted quotes and hedges, our orders at venues, the standing of the limits, kill switches. Out: commands (new, replace,
cancel), each with its reason, and for each new order a verdict.
Holds: whatever fills, no order adds to a limit in breach, but for the least that a duty asks, and none beyond the kill limit; an
order counts until it is proven dead; a cancel is never refused; killed is not flat.
"""
