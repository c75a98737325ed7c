"""Numbers of the capital methods: ranges, rates, offsets and minima as files.

In: a packaged TOML file per method, and a user's file over it. Out: the typed parameters of the room `margin`.
Holds: every number has its source beside it; an unknown or missing key is a fault that names file and key.
"""
