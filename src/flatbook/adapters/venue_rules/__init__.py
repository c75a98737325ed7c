"""Rules of venues: market-maker protections and duties to quote as files.

In: a packaged TOML file per venue, and a user's file over it. Out: the typed terms of the room `quoting`.
Holds: every number has its source beside it; an unknown or missing key is a fault that names file and key.
"""
