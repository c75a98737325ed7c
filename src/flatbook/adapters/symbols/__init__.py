"""Symbols: how venues name a contract, and what the name says.

In: a name as text. Out: its parts as a value, and the name again.
Holds: what is printed parses back to itself; a name that is none raises InvalidValueError, nothing else.
"""
