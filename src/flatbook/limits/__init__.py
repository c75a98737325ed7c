"""Limits: what is allowed right now.

In: exposure, gaps and capital. Out: a standing for each limit, its step on the ladder, and which trades would worsen it.
Holds: the worst standing wins; a number we could not compute is a breach.
"""
